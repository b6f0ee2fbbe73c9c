#!/usr/bin/python3
# What is done without need: wake-ups of an idle daemon, and where the time of a large `ls` goes.

import os
import re
import subprocess
import time

import bench

MANY = bench.BUILD + "/tests/many_driver.so"


def idle():
    directory = os.environ["BENCH_DIR"] + "/idle"
    os.makedirs(directory, exist_ok=True)
    text = """BALANCERS:
  dummy: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
  web: {BACKEND: nginx, transport: local, sudo: no, include_dir: %s, test_cmd: "true", reload_cmd: "true"}
""" % directory
    with bench.Mount(text) as mount:
        subprocess.run(["ls", "-lR", mount.path], stdout=subprocess.DEVNULL, check=True)
        os.mkdir(mount.path + "/web/app")
        bench.touch(mount.path + "/web/app/10.0.0.1:80")
        time.sleep(2)
        before, cpu = mount.wakeups(), mount.cpu()
        time.sleep(40)
        bench.row("wake-ups of an idle daemon in 40 s, a keep-alive every 20 s among them", mount.wakeups() - before,
                  "CPU %.2f s" % (mount.cpu() - cpu), "", "4 and the keep-alive's")


def hot_spots():
    out = os.environ["BENCH_DIR"] + "/callgrind"
    command = ["valgrind", "--quiet", "--tool=callgrind", "--callgrind-out-file=" + out, "--toggle-collect=op_readdir",
               "--toggle-collect=op_readdirplus", bench.PROGRAM, "-f"]
    text = "BALANCERS: {b0: {BACKEND: %s, nodes: 100000, cache_ttl: 1h}}\n" % MANY
    with bench.Mount(text, command) as mount:
        for _ in range(5):
            subprocess.run(["ls", mount.path + "/b0/p0"], stdout=subprocess.DEVNULL, check=True)
    said = subprocess.run(["callgrind_annotate", out], capture_output=True, text=True).stdout
    top = re.findall(r"\(\s*([\d.]+)%\).*?[:?]([\w.@]+(?:'\d)?)(?: \[|$)", said, re.M)[:6]
    bench.row("instructions of 5 `ls` of 100,000, cached", ", ".join("%s %s %%" % (name, part) for part, name in top), "", "")


def main():
    bench.title("No waste")
    idle()
    hot_spots()


main()
