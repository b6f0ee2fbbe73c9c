#!/usr/bin/python3
# HAProxy's runtime way: a node of an existing pool comes and goes by the stats socket, against the least that it could cost:
# one round trip on an open SSH channel, and one question to that socket on the host; and, since no change is taken into a
# configuration that would not start, one test of it by HAProxy, without the certificates that make most of it.

import os
import shlex
import time

import paramiko

import bench

HOST = os.environ["HOST_lb1"]
SOCKET = "/run/haproxy/admin.sock"


def config():
    return """BALANCERS:
  lb: {BACKEND: haproxy, user: %s, identity_file: %s, password_file: %s, known_hosts: %s, cache_ttl: 1h, hosts: [%s]}
""" % (os.environ["LAB_USER"], os.environ["IDENTITY"], os.environ["PASSWORD_FILE"], os.environ["KNOWN_HOSTS"], HOST)


def process():
    with open(os.environ["HAPROXY_ROOT"] + "/run/haproxy.pid") as file:
        return file.read()


def echoing(channel):
    def once():
        channel.sendall(b"x\n")
        return channel.recv(16)

    return lambda: bench.clock(once)


QUESTION = "echo 'show info' | sudo socat - UNIX-CONNECT:" + SOCKET
TEST = """printf 'global\\nhttpclient.ssl.verify none\\n' | haproxy -c -f /dev/stdin -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/pools"""


def asking(client, command):
    command = "for i in 1 2 3 4 5 6 7 8 9 10; do %s || exit; done; echo all" % command

    def once():
        _, out, _ = client.exec_command("sudo sh -c " + shlex.quote(command))
        if not out.read().endswith(b"all\n"):
            raise RuntimeError(command)

    return lambda: bench.clock(once) / 10


def changing(change, path, before):
    def once():
        before(path)
        time.sleep(0.1)
        return bench.clock(change, path)

    return once


def absent(path):
    if os.path.exists(path):
        os.unlink(path)


def main():
    bench.title("HAProxy, one host, a node of an existing pool")
    client = paramiko.SSHClient()
    client.load_host_keys(os.environ["KNOWN_HOSTS"])
    client.connect(HOST, username=os.environ["LAB_USER"], key_filename=os.environ["IDENTITY"], allow_agent=False, look_for_keys=False)
    channel = client.get_transport().open_session()
    channel.exec_command("cat")
    with bench.Mount(config()) as mount:
        pool = mount.path + "/lb/app"
        os.mkdir(pool)
        bench.touch(pool + "/10.0.0.1:80")
        node, was = pool + "/10.0.0.2:80", process()
        medians = bench.rounds(15, {"trip": echoing(channel), "question": asking(client, QUESTION), "test": asking(client, TEST),
                                    "add": changing(bench.touch, node, absent),
                                    "delete": changing(os.unlink, node, bench.touch)}, 40)
        least = medians["trip"] + medians["question"]
        for what in ("add", "delete"):
            bench.row("%s a node, against a round trip and a question by `sudo socat`" % what, bench.duration(medians[what]),
                      "%s + %s" % (bench.duration(medians["trip"]), bench.duration(medians["question"])),
                      "%.1f x" % (medians[what] / least), "2 x at most")
            bench.row("the same, HAProxy's own test of its files counted", bench.duration(medians[what]),
                      "and " + bench.duration(medians["test"]), "%.1f x" % (medians[what] / (least + medians["test"])))
        bench.row("reloads meanwhile", "0" if process() == was else "some", "", "", "0")
    client.close()


main()
