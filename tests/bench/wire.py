#!/usr/bin/python3
# How often the daemon speaks to a host for one touch on a warm mount, seen by strace on its sockets.

import os
import re
import subprocess
import time

import bench


def main():
    hosts = [os.environ["HOST_" + name] for name in ("web1", "web2", "web3")]
    trace = os.environ["BENCH_DIR"] + "/wire"
    text = """BALANCERS:
  web: {BACKEND: nginx, user: %s, identity_file: %s, password_file: %s, known_hosts: %s, reload_cmd: nginx -s reload,
        cache_ttl: 1h, hosts: [%s]}
""" % (os.environ["LAB_USER"], os.environ["IDENTITY"], os.environ["PASSWORD_FILE"], os.environ["KNOWN_HOSTS"], ", ".join(hosts))
    with bench.Mount(text) as mount:
        os.mkdir(mount.path + "/web/wire")
        bench.touch(mount.path + "/web/wire/10.0.0.1:80")
        time.sleep(1)
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=sendto", "-o", trace, "-p", str(mount.pid)])
        time.sleep(1)
        bench.touch(mount.path + "/web/wire/10.0.0.2:80")
        time.sleep(1)
        tracer.terminate()
        tracer.wait()
    with open(trace) as lines:
        sent = [line for line in lines if re.search(r"sendto\(\d+", line)]
    bench.row("packets sent to a host for one `touch`, the forgetting after it among them",
              "%.1f" % (len(sent) / len(hosts)), "", "", "")


main()
