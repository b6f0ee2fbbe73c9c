#!/usr/bin/env python3
# Random removals against two exact windows: what the guard lets pass, one of the length must let
# pass too; what one of a 64th more lets pass, the guard must.
import random
import subprocess
import sys

LENGTH = 60000


def script(rng):
    """Lines (n, added, size, all_size, now) of one pool, and the count so far is the model's."""
    now = rng.randrange(10**9)
    for _ in range(400):
        now += rng.choice([0, 1, 500, 937, 938, 5000, 30000, 59999, 60000])
        size = rng.randrange(1, 40)
        yield rng.randrange(1, 8), rng.choice([0, 0, 0, 3]), size, 10**6, now


def allows(gone, length, percent, line):
    n, added, size, _, now = line
    counted = sum(m for m, when in gone if now - when < length)
    return counted + n <= max(1, (size + added + counted) * percent // 100)


def check(cli, seed):
    rng = random.Random(seed)
    percent = rng.choice([1, 10, 33, 50, 75, 100])
    lines = list(script(rng))
    text = "".join("remove app %d %d %d %d %d\n" % line for line in lines)
    said = subprocess.run([cli, "guard", "max_removal=%d%%/60s" % percent], input=text,
                          capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == len(lines)
    gone, passed = [], 0
    for line, word in zip(lines, said):
        ok = word == "ok"
        assert not ok or allows(gone, LENGTH, percent, line), (seed, percent, line)
        assert ok or not allows(gone, LENGTH + LENGTH // 64 + 1, percent, line), (seed, percent, line)
        if ok:
            passed += 1
            gone.append((line[0], line[4]))
    return passed, len(lines)


def main():
    passed = total = 0
    for seed in range(50):
        one, all_of_them = check(sys.argv[1], seed)
        passed += one
        total += all_of_them
    assert total // 20 < passed < total - total // 20, (passed, total)


main()
