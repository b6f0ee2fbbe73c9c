#!/usr/bin/env python3
# A program for balancerfs's exec driver, in Python: pools are kept in a JSON file.
#
#     BACKEND: exec
#     command: [/opt/balancerfs/contrib/exec/pools.py]
#     file: /var/lib/pools.json
#
# balancerfs-driver(3) has the protocol.
import fcntl
import json
import os
import sys


class Refused(Exception):
    """Nothing was changed; the first argument is the name of an errno."""


def load(path):
    try:
        with open(path) as file:
            return {pool: set(nodes) for pool, nodes in json.load(file).items()}
    except FileNotFoundError:
        return {}


def save(path, pools):
    """All of it or nothing: a new file takes the place of the old one."""
    with open(path + ".new", "w") as file:
        json.dump({pool: sorted(nodes) for pool, nodes in pools.items()}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def change(pools, verb, pool, node=None):
    if verb == "add_node":
        pools.setdefault(pool, set()).add(node)
    elif verb == "delete_node":
        pools.get(pool, set()).discard(node)
    elif verb == "create_pool":
        pools.setdefault(pool, set())
    elif verb == "delete_pool":
        if pools.get(pool):
            raise Refused("ENOTEMPTY", f"pool {pool} has nodes")
        pools.pop(pool, None)
    else:
        raise Refused("EREMOTEIO", f"no such change: {verb}")


def main(call, *arguments):
    path = os.environ["BALANCERFS_FILE"]
    with open(path + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if call == "apply" else fcntl.LOCK_SH)
        pools = load(path)
        if call == "get_pools":
            print(*pools, sep="\n")
        elif call == "get_nodes":
            print(*pools.get(arguments[0], ()), sep="\n")
        elif call == "apply":
            for line in sys.stdin:
                change(pools, *line.split())
            save(path, pools)
        else:
            raise Refused("EREMOTEIO", f"no such call: {call}")


try:
    main(*sys.argv[1:])
except Refused as error:
    sys.exit(" ".join(error.args))
