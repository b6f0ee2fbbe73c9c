# Sixteen processes change five names of a pool at random: touch, rm, mv, O_EXCL, temporaries, lists, looks.
#
#   races.py POOL SECONDS SEED [WHAT...]    WHAT: lists (.nodes is written), signals (calls are interrupted)
#
# Says which answers no file system gives, and ends with 1 if there were any, or if somebody got none.
import collections
import errno
import multiprocessing
import os
import queue
import random
import signal
import sys
import time

PROCESSES = 16
NAMES = [f"10.7.0.{i}:80" for i in range(1, 6)]
# What POSIX lets a call say that has met another.
EXPECTED = {errno.EINTR, errno.ENOENT, errno.EEXIST, errno.EBUSY}
KINDS = ["touch"] * 4 + ["rm"] * 4 + ["exclusive", "mv", "stat", "ls", "temporary"]


class Interrupted(Exception):
    pass


def interrupt(*_):
    raise Interrupted


def create(path, flags=0):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | flags))


def temporary(pool, path):
    name = os.path.join(pool, f".tmp{os.getpid()}")
    create(name)
    try:
        os.rename(name, path)
    except OSError:
        try:
            os.unlink(name)
        except OSError:
            pass
        raise


def do(kind, pool, rng):
    path, other = (os.path.join(pool, name) for name in rng.sample(NAMES, 2))
    if kind == "touch":
        create(path)
    elif kind == "exclusive":
        create(path, os.O_EXCL)
    elif kind == "rm":
        os.unlink(path)
    elif kind == "mv":
        os.rename(path, other)
    elif kind == "stat":
        os.stat(path)
    elif kind == "ls":
        os.listdir(pool)
    elif kind == "temporary":
        temporary(pool, path)
    else:
        with open(os.path.join(pool, ".nodes"), "w") as file:
            file.write("\n".join(rng.sample(NAMES, rng.randrange(4))) + "\n")


def run(pool, seconds, seed, kinds, signals, results):
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    strange = collections.Counter()
    done = 0
    signal.signal(signal.SIGALRM, interrupt)
    while time.monotonic() < end:
        kind = rng.choice(kinds)
        try:
            if signals and rng.random() < 0.3:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0005, 0.03))
            try:
                do(kind, pool, rng)
                done += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except OSError as error:
            if error.errno not in EXPECTED:
                strange[f"{kind}: {errno.errorcode[error.errno]}"] += 1
        except Interrupted:
            pass
    results.put((done, strange))


def main():
    pool, seconds, seed, *what = sys.argv[1:]
    kinds = KINDS + ["list"] * ("lists" in what)
    results = multiprocessing.Queue()
    done, strange = 0, collections.Counter()
    processes = [
        multiprocessing.Process(
            target=run, daemon=True,
            args=(pool, float(seconds), f"{seed}-{i}", kinds, "signals" in what, results))
        for i in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for _ in processes:
        try:
            n, other = results.get(timeout=float(seconds) + 30)
        except queue.Empty:
            strange["no answer"] += 1
            break
        done += n
        strange += other
    for answer, times in sorted(strange.items()):
        print(f"{answer} ({times} times)")
    if not done:
        print("nothing could be done")
    sys.exit(1 if strange or not done else 0)


main()
