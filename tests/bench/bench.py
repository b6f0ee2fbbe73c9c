# What the benchmarks share: a mount of their own, clocks, medians, and the rows of the table.
#
# A benchmark measures what it compares in one run, round by round, in an order that differs each time, and says medians
# and what they are divided by each other. Nothing here asserts a time. Rows go to $BENCH_ROWS, one a line.

import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ["BUILD"]
HERE = os.path.dirname(os.path.realpath(__file__))
PROGRAM = BUILD + "/balancerfs"


def say(text):
    print(text, flush=True)


def row(what, ours, other, ratio, target=""):
    line = "| " + " | ".join(str(x) for x in (what, ours, other, ratio, target)) + " |"
    with open(os.environ.get("BENCH_ROWS", BUILD + "/bench.rows"), "a") as rows:
        rows.write(line + "\n")
    say(line)


def title(text):
    row("**%s**" % text, "", "", "")


def duration(seconds):
    if seconds < 1e-3:
        return "%.1f us" % (seconds * 1e6)
    if seconds < 1:
        return "%.1f ms" % (seconds * 1e3)
    return "%.2f s" % seconds


def clock(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def rounds(n, ways, seconds=120):
    """ways: a mapping of names to functions that do it once and give the seconds. Medians by name, of at most n rounds."""
    taken = {name: [] for name in ways}
    end = time.monotonic() + seconds
    for _ in range(n):
        names = list(ways)
        random.shuffle(names)
        for name in names:
            taken[name].append(ways[name]())
        if time.monotonic() > end:
            break
    return {name: statistics.median(values) for name, values in taken.items()}


def touch(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def is_mounted(path, kind):
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1] == path and line.split()[2] == kind for line in mounts)


class Mount:
    """balancerfs, or with `command` another file system, mounted until the end of a `with`."""

    def __init__(self, config, command=None, kind="fuse.balancerfs"):
        self.dir = tempfile.mkdtemp(prefix="bench.")
        self.path = self.dir + "/mnt"
        self.config = self.dir + "/config.yaml"
        self.kind = kind
        os.mkdir(self.path)
        with open(os.open(self.config, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(config)
        self.command = command or [PROGRAM, "-f"]
        if PROGRAM in self.command:
            self.command = self.command + [self.config]

    def __enter__(self):
        self.err = open(self.dir + "/err", "w+")
        start = time.perf_counter()
        self.process = subprocess.Popen(self.command + [self.path], stdout=self.err, stderr=self.err)
        self.pid = self.process.pid
        while not is_mounted(self.path, self.kind):
            if self.process.poll() is not None or time.perf_counter() > start + 60:
                self.err.seek(0)
                sys.exit("no mount: " + self.err.read())
            time.sleep(0.001)
        self.took = time.perf_counter() - start
        return self

    def __exit__(self, *ignored):
        subprocess.run(["umount", self.path], stderr=subprocess.DEVNULL)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            # Somebody's mount name space has a copy.
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        subprocess.run(["umount", "-l", self.path], stderr=subprocess.DEVNULL)
        if self.process.returncode != 0:
            self.err.seek(0)
            sys.exit("ended with %d: %s" % (self.process.returncode, self.err.read()[-2000:]))

    def status(self, key):
        with open("/proc/%d/status" % self.pid) as status:
            for line in status:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
        raise KeyError(key)

    def rss(self):
        return self.status("VmRSS") * 1024

    def threads(self):
        return self.status("Threads")

    def wakeups(self):
        total = 0
        for task in os.listdir("/proc/%d/task" % self.pid):
            with open("/proc/%d/task/%s/status" % (self.pid, task)) as status:
                total += sum(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt"))
        return total

    def cpu(self):
        with open("/proc/%d/stat" % self.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settled_rss(self):
        last = -1
        for _ in range(50):
            now = self.rss()
            if now == last:
                break
            last = now
            time.sleep(0.2)
        return last
