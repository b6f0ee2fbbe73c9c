#!/usr/bin/python3
# Changes that come together, on three nginx hosts in the lab: how many transactions and reloads they become, and what a
# hundred nodes cost against one. Reloads are counted on the hosts, by the reload command itself.

import fcntl
import os
import subprocess
import sys
import time

import bench

HOSTS = [os.environ["HOST_" + name] for name in ("web1", "web2", "web3")]
ROOTS = os.environ["ROOTS"].split()
COUNTER = "/var/tmp/bench-reloads"


def config():
    return """BALANCERS:
  web:
    BACKEND: nginx
    user: %s
    identity_file: %s
    password_file: %s
    known_hosts: %s
    reload_cmd: echo x >>%s && nginx -s reload
    cache_ttl: 1h
    hosts: [%s]
""" % (os.environ["LAB_USER"], os.environ["IDENTITY"], os.environ["PASSWORD_FILE"], os.environ["KNOWN_HOSTS"], COUNTER,
       ", ".join(HOSTS))


def reloads():
    counts = []
    for root in ROOTS:
        try:
            with open(root + COUNTER) as file:
                counts.append(len(file.readlines()))
        except FileNotFoundError:
            counts.append(0)
    return max(counts)


def together(commands):
    """All at once, each in a process of its own that waits for a lock which is then dropped."""
    with open(os.environ["BENCH_DIR"] + "/gate", "w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        started = [subprocess.Popen(["flock", "-s", gate.name] + command) for command in commands]
        time.sleep(2)
        before, start = reloads(), time.perf_counter()
        fcntl.flock(gate, fcntl.LOCK_UN)
        for process in started:
            if process.wait(60) != 0:
                sys.exit("a change failed")
        return reloads() - before, time.perf_counter() - start


def write_nodes(directory, third, n):
    with open(directory + "/.nodes", "w") as file:
        file.write("".join("10.1.%d.%d:80\n" % (third, i) for i in range(n)))


def hundred_at_once(mount):
    one, many = mount.path + "/web/one", mount.path + "/web/many"
    turn = iter(range(1000))
    seen = []
    for directory in (one, many):
        os.mkdir(directory)

    def add_one():
        time.sleep(0.1)
        return bench.clock(bench.touch, "%s/10.2.0.%d:80" % (one, next(turn)))

    def write_many():
        time.sleep(0.1)
        before = reloads()
        took = bench.clock(write_nodes, many, next(turn) % 250, 100)
        seen.append(reloads() - before)
        return took

    medians = bench.rounds(11, {"one": add_one, "many": write_many}, 40)
    bench.row("100 nodes by `.nodes` against one by `touch`", bench.duration(medians["many"]),
              bench.duration(medians["one"]), "%.2f x" % (medians["many"] / medians["one"]), "1.3 x at most")
    bench.row("reloads per host of such a write", max(seen), "", "", "1")


def main():
    bench.title("Changes together, on 3 nginx hosts")
    with bench.Mount(config()) as mount:
        hundred_at_once(mount)
        web = mount.path + "/web"
        pools = ["%s/p%d" % (web, i) for i in range(100)]
        together([["mkdir", pool] for pool in pools])
        count, took = together([["touch", pool + "/10.3.0.1:80"] for pool in pools])
        bench.row("reloads per host for 100 pools by 100 processes", count, "", bench.duration(took), "5 at most")
        nodes = ["%s/one/10.4.0.%d:80" % (web, i) for i in range(32)]
        count, took = together([["touch", node] for node in nodes])
        bench.row("transactions for 32 `touch` in one pool", count, "", bench.duration(took), "3 at most")
        count, took = together([["rm", node] for node in nodes])
        bench.row("transactions for 32 `rm` in one pool", count, "", bench.duration(took), "3 at most")
        subprocess.run(["rm", "-rf"] + pools, check=True)


main()
