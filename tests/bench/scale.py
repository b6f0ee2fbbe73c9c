#!/usr/bin/python3
# Size: a million nodes, a pool of 100,000, two hundred dead balancers, many hosts, and a hundred thousand changes.

import contextlib
import os
import stat
import tempfile
import threading
import time

import bench

MANY = bench.BUILD + "/tests/many_driver.so"
SCRATCH = os.environ["BENCH_DIR"]


def memory():
    text = "BALANCERS: {b0: {BACKEND: %s, pools: 1000, nodes: %d, cache_ttl: 1h}}\n"
    used = {}
    for nodes in (0, 1000):
        with bench.Mount(text % (MANY, nodes)) as mount:
            start = time.perf_counter()
            os.listdir(mount.path + "/b0")
            took = time.perf_counter() - start
            used[nodes] = mount.settled_rss()
    bench.row("bytes of the daemon per node, 1,000,000 in 1,000 pools (listed in %s)" % bench.duration(took),
              "%.0f" % ((used[1000] - used[0]) / 1e6), "", "", "100 at most")


def one_of_many():
    text = """BALANCERS:
  small: {BACKEND: %s, nodes: 10, cache_ttl: 1h}
  large: {BACKEND: %s, nodes: 100000, cache_ttl: 1h}
""" % (MANY, MANY)
    with bench.Mount(text) as mount:
        def add_and_delete(balancer):
            def once():
                path = "%s/%s/p0/10.0.0.50:8080" % (mount.path, balancer)
                start = time.perf_counter()
                for _ in range(200):
                    bench.touch(path)
                    os.unlink(path)
                return (time.perf_counter() - start) / 200

            return once

        for balancer in ("small", "large"):
            os.listdir("%s/%s/p0" % (mount.path, balancer))
        medians = bench.rounds(9, {name: add_and_delete(name) for name in ("small", "large")}, 20)
    bench.row("adding and deleting a node in a pool of 100,000, against one of 10", bench.duration(medians["large"]),
              bench.duration(medians["small"]), "%.2f x" % (medians["large"] / medians["small"]))


def dead_balancers():
    text = "BALANCERS:\n  live: {BACKEND: %s, nodes: 10, cache_ttl: 0}\n" % MANY
    text += "".join("  dead%d: {BACKEND: nginx, user: nobody, hosts: ['127.0.0.1:1']}\n" % i for i in range(200))
    took, threads = [], 0
    for _ in range(5):
        with bench.Mount(text) as mount:
            took.append(mount.took)
    bench.row("start until mounted, 200 dead balancers", bench.duration(sorted(took)[2]), "", "", "100 ms at most")
    with bench.Mount(text) as mount:
        alone = bench.rounds(30, {"live": lambda: bench.clock(os.listdir, mount.path + "/live/p0")})["live"]
        before = mount.threads()
        asking = [threading.Thread(target=ask, args=(mount.path + "/dead%d" % i,)) for i in range(200)]
        for thread in asking:
            thread.start()
        beside = bench.rounds(30, {"live": lambda: bench.clock(os.listdir, mount.path + "/live/p0")})["live"]
        for thread in asking:
            thread.join()
        threads = mount.threads()
    bench.row("listing a live one while all 200 are asked, against alone", bench.duration(beside), bench.duration(alone),
              "%.1f x" % (beside / alone))
    bench.row("threads when none, and when all 200 were asked", before, threads, "")


def ask(path):
    try:
        os.listdir(path)
    except OSError:
        pass


# Hosts without SSH: each a directory of its own under one path, by an ssh program that runs what it is told.
def many_hosts(n, command):
    base = tempfile.mkdtemp(prefix="hosts.", dir=SCRATCH)
    names = ["h%d" % i for i in range(n)]
    os.makedirs(base + "/bin", exist_ok=True)
    os.makedirs(base + "/pools", exist_ok=True)
    for name in names:
        os.makedirs(base + "/" + name, exist_ok=True)
    with open(base + "/bin/ssh", "w") as file:
        file.write("""#!/bin/sh
while [ "$1" != -- ]; do shift; done
exec unshare -m sh -c 'mount --bind "$1" "$2" && exec sh -c "$3"' - "%s/$2" "%s/pools" "$3"
""" % (base, base))
    os.chmod(base + "/bin/ssh", stat.S_IRWXU)
    text = """BALANCERS:
  web: {BACKEND: nginx, transport: openssh, user: root, sudo: no, include_dir: %s/pools, test_cmd: "%s",
        reload_cmd: "%s", cache_ttl: 1h, hosts: [%s]}
""" % (base, command, command, ", ".join(names))
    os.environ["PATH"] = base + "/bin:" + os.environ["PATH"]
    try:
        return bench.Mount(text).__enter__()
    finally:
        os.environ["PATH"] = os.environ["PATH"].split(":", 1)[1]


def hosts():
    for command, what in (("true", "does nothing"), ("sleep 0.5", "takes 0.5 s")):
        ways = {}
        with contextlib.ExitStack() as mounts:
            for n in (1, 3, 10, 50):
                mount = many_hosts(n, command)
                mounts.push(mount)
                os.mkdir(mount.path + "/web/app")
                ways[n] = touching(mount.path + "/web/app/")
            medians = bench.rounds(5, ways, 25)
        for n in (3, 10, 50):
            bench.row("a touch on %d hosts against one; each of test and reload %s (all share this machine)" % (n, what),
                      bench.duration(medians[n]), bench.duration(medians[1]), "%.1f x" % (medians[n] / medians[1]),
                      "2 x at most" if n == 50 else "")


def touching(directory):
    turn = iter(range(1, 60000))
    return lambda: bench.clock(bench.touch, directory + "10.0.0.1:%d" % next(turn))


def soak():
    seconds, wanted = 60, 100000
    with bench.Mount("BALANCERS: {b0: {BACKEND: %s, nodes: 100, cache_ttl: 1h}}\n" % MANY) as mount:
        pool = mount.path + "/b0/p0/"
        os.listdir(pool)
        done = change(pool, 2000, 10)
        rss, threads, start = mount.settled_rss(), mount.threads(), time.perf_counter()
        done = change(pool, wanted, seconds)
        took = time.perf_counter() - start
        after = mount.settled_rss()
        bench.row("%d changes in %.0f s: growth of memory, threads" % (done, took), "%+d KiB" % ((after - rss) // 1024),
                  "of %d KiB" % (rss // 1024), "%+d threads" % (mount.threads() - threads), "0")


def change(pool, wanted, seconds):
    done, end = 0, time.monotonic() + seconds
    while done < wanted and time.monotonic() < end:
        for i in range(100):
            bench.touch(pool + "10.9.%d.1:80" % i)
        for i in range(100):
            os.unlink(pool + "10.9.%d.1:80" % i)
        done += 200
    return done


def main():
    bench.title("Scale")
    memory()
    one_of_many()
    dead_balancers()
    hosts()
    soak()


main()
