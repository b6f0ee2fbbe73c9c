#!/usr/bin/python3
# Looking at what is cached, against a file system that does nothing else and answers the same (null_fs.c); what the balancer
# hears of it; and how often the files of a thousand pools are read.

import os
import subprocess
import time

import bench

SIZES = {"b0": 1000, "b1": 100000}
MANY = bench.BUILD + "/tests/many_driver.so"


def config():
    return "BALANCERS:\n" + "".join("  %s: {BACKEND: %s, nodes: %d, cache_ttl: 1h}\n" % (b, MANY, n) for b, n in SIZES.items())


def per_call(function, path, n):
    def once():
        function(path)
        start = time.perf_counter()
        for _ in range(n):
            function(path)
        return (time.perf_counter() - start) / n

    return once


def open_close(path):
    os.close(os.open(path, os.O_RDONLY))


def quiet(*command):
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env={"LC_ALL": "C", "PATH": os.environ["PATH"]})


def command(*words):
    return lambda: bench.clock(quiet, *words)


def null_compare():
    bench.title("Looking, cached, against a null file system on libfuse, on one core")
    with bench.Mount(config()) as ours, \
            bench.Mount("", [bench.BUILD + "/tests/null_fs", "-f", *map(str, SIZES.values())], "fuse") as null:
        questions = {
            "stat of a node": lambda p: per_call(os.stat, p + "/b0/p0/10.0.1.7:80", 20000),
            "open and close of a node": lambda p: per_call(open_close, p + "/b0/p0/10.0.1.7:80", 2000),
            "`ls -l` of 1,000": lambda p: command("ls", "-l", p + "/b0/p0"),
            "`ls -f` of 100,000": lambda p: command("ls", "-f", p + "/b1/p0"),
            "`ls` of 100,000": lambda p: command("ls", p + "/b1/p0"),
        }
        for path in (ours.path, null.path):
            quiet("ls", "-l", path + "/b0/p0")
            quiet("ls", path + "/b1/p0")
        for what, way in questions.items():
            medians = bench.rounds(15, {"ours": way(ours.path), "null": way(null.path)}, 15)
            bench.row(what, bench.duration(medians["ours"]), bench.duration(medians["null"]),
                      "%.2f of it" % (medians["null"] / medians["ours"]), "0.9")


def calls():
    log = os.environ["BENCH_DIR"] + "/calls"
    nodes = ", ".join('"10.0.%d.%d:80"' % (i // 250, i % 250) for i in range(1000))
    with bench.Mount("BALANCERS: {b0: {BACKEND: dummy, cache_ttl: 1h, log: %s, pools: {p0: [%s]}}}\n" % (log, nodes)) as mount:
        quiet("ls", "-lR", mount.path)
        first = len(open(log).readlines())
        for _ in range(5):
            quiet("ls", "-lR", mount.path)
            quiet("find", mount.path, "-size", "+1")
        bench.row("calls of the balancer by 5 `ls -lR` and 5 `find`, while fresh", len(open(log).readlines()) - first, "", "", "0")


# Each reading of the files is one cat on the host.
def listing_calls():
    directory = os.environ["BENCH_DIR"] + "/pools"
    trace = os.environ["BENCH_DIR"] + "/trace"
    os.makedirs(directory)
    for i in range(1000):
        with open("%s/p%d.conf" % (directory, i), "w") as file:
            file.write("upstream p%d {\n    server 10.0.0.1:80;\n}\n" % i)
    text = """BALANCERS:
  web: {BACKEND: nginx, transport: local, sudo: no, include_dir: %s, test_cmd: "true", reload_cmd: "true", cache_ttl: 1h}
""" % directory
    tracer = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", trace, bench.PROGRAM, "-f"]
    with bench.Mount(text, tracer) as mount:
        found = int(subprocess.check_output("ls -lR %s/web | grep -c ':80$'" % mount.path, shell=True))
    with open(trace) as lines:
        cats = sum('/cat", ["cat", ' in line and "ENOENT" not in line for line in lines)
    bench.row("readings of a host's files by `ls -lR` over 1,000 pools (%d nodes)" % found, cats, "", "", "1")


def main():
    null_compare()
    calls()
    listing_calls()


main()
