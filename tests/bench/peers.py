#!/usr/bin/python3
# One node on three nginx hosts: through the mount, and by what people would use instead, side by side in the lab.
#
# Every way writes the pool's file as root, runs `nginx -t` and reloads, on all hosts, and is looked at afterwards. The
# peers have sudo without a password and know nothing of locks, rollback or hosts that must agree; balancerfs does.

import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import paramiko

import bench

HOSTS = [os.environ["HOST_" + name] for name in ("web1", "web2", "web3")]
ROOTS = os.environ["ROOTS"].split()
DIRECTORY = "/etc/nginx/sites-enabled/"
TEST, RELOAD = "nginx -t -q", "nginx -s reload"
CONFIG = os.environ["SSH_CONFIG"]
USER = os.environ["LAB_USER"]
IDENTITY = os.environ["IDENTITY"]
work = os.environ["BENCH_DIR"]
turn = 0


def pool_text(pool, extra):
    nodes = ["10.77.1.%d:8080" % i for i in range(1, 11)] + [extra]
    return "upstream %s {\n%s}\n" % (pool, "".join("    server %s;\n" % n for n in nodes))


def next_node():
    global turn
    turn += 1
    return "10.77.2.%d:%d" % (turn % 200 + 1, 8000 + turn)


def must_be_there(pool, node):
    for root in ROOTS:
        with open(root + DIRECTORY + pool + ".conf") as file:
            if node not in file.read():
                sys.exit("%s: %s is not in %s" % (root, node, pool))


def peer(pool, push):
    def once():
        node = next_node()
        text = pool_text(pool, node)
        time.sleep(0.1)
        took = bench.clock(push, pool, text)
        must_be_there(pool, node)
        return took

    return once


# ---- the peers


def ssh(options, host, command, text=None):
    subprocess.run(["ssh", "-F", CONFIG, "-i", IDENTITY, "-l", USER, *options, host, command], input=text, text=True,
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def one_command(pool):
    return "sudo tee %s%s.conf >/dev/null && sudo %s && sudo %s" % (DIRECTORY, pool, TEST, RELOAD)


def loop(pool, text):
    for host in HOSTS:
        ssh([], host, one_command(pool), text)


MASTER = ["-o", "ControlPath=" + work + "/master-%h"]


def master_parallel(pool, text):
    with ThreadPoolExecutor(len(HOSTS)) as threads:
        list(threads.map(lambda host: ssh(MASTER, host, one_command(pool), text), HOSTS))


def connected(host, use):
    client = paramiko.SSHClient()
    client.load_host_keys(os.environ["KNOWN_HOSTS"])
    client.connect(host, username=USER, key_filename=IDENTITY, allow_agent=False, look_for_keys=False)
    try:
        return use(client)
    finally:
        client.close()


def remote(command):
    def use(client):
        _, out, err = client.exec_command(command)
        said = out.read()
        if out.channel.recv_exit_status() != 0:
            sys.exit(command + ": " + err.read().decode())
        return said

    return use


def write_temporary(text):
    def use(client):
        with client.open_sftp() as sftp, sftp.open("/tmp/pool.conf", "w") as file:
            file.write(text)

    return use


def original(pool, text):
    path = DIRECTORY + pool + ".conf"
    for host in HOSTS:
        connected(host, remote("cat %s || true" % path))
        connected(host, write_temporary(text))
        connected(host, remote("sudo mv /tmp/pool.conf " + path))
        connected(host, remote("sudo chown root:root " + path))
        connected(host, remote("sudo %s && sudo %s" % (TEST, RELOAD)))


def ansible_files():
    with open(work + "/inventory", "w") as file:
        file.write("[web]\n" + "".join(h + "\n" for h in HOSTS))
    with open(work + "/pool.j2", "w") as file:
        file.write("{{ text }}")
    with open(work + "/play.yml", "w") as file:
        file.write("""- hosts: web
  gather_facts: false
  become: true
  tasks:
    - template: {src: pool.j2, dest: "%s{{ pool }}.conf"}
      notify: [test, reload]
  handlers:
    - name: test
      command: %s
    - name: reload
      command: %s
""" % (DIRECTORY, TEST, RELOAD))
    with open(work + "/ansible.cfg", "w") as file:
        file.write("""[defaults]
gathering = explicit
interpreter_python = /usr/bin/python3
forks = 10
[ssh_connection]
pipelining = true
ssh_args = -F %s -i %s -l %s -o ControlMaster=auto -o ControlPersist=300 -o ControlPath=%s/master-%%h
""" % (CONFIG, IDENTITY, USER, work))


def ansible(pool, text):
    with open(work + "/vars.json", "w") as file:
        import json
        json.dump({"pool": pool, "text": text}, file)
    environment = dict(os.environ, ANSIBLE_CONFIG=work + "/ansible.cfg", HOME=work)
    done = subprocess.run(["/usr/bin/ansible-playbook", "-i", work + "/inventory", "-e", "@" + work + "/vars.json",
                           work + "/play.yml"], env=environment, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


# What nginx itself takes, on all hosts at once, the same moment every half second: milliseconds by round, of the slowest.
ALONE = """for round in {1..11}; do
    now=${EPOCHREALTIME/./}
    sleep 0.$(printf %%06d $((500000 - now %% 500000)))
    start=${EPOCHREALTIME/./}
    %s && %s || exit
    end=${EPOCHREALTIME/./}
    echo $((end - start))
done""" % (TEST, RELOAD)


def alone():
    with ThreadPoolExecutor(len(HOSTS)) as threads:
        said = list(threads.map(lambda host: subprocess.run(
            ["ssh", "-F", CONFIG, "-i", IDENTITY, "-l", USER, *MASTER, host, "sudo bash -s"], input=ALONE, text=True,
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.split(), HOSTS))
    return statistics.median(max(map(int, took)) for took in zip(*said, strict=True)) / 1e6


# ---- ours


def config(reload_cmd):
    return """BALANCERS:
  web:
    BACKEND: nginx
    user: %s
    identity_file: %s
    password_file: %s
    known_hosts: %s
    test_cmd: %s
    reload_cmd: %s
    cache_ttl: 1h
    hosts: [%s]
""" % (USER, IDENTITY, os.environ["PASSWORD_FILE"], os.environ["KNOWN_HOSTS"], TEST, reload_cmd, ", ".join(HOSTS))


def through(mount, pool, push):
    directory = mount.path + "/web/" + pool
    os.mkdir(directory)
    with open(directory + "/.nodes", "w") as file:
        file.write("".join("10.77.1.%d:8080\n" % i for i in range(1, 11)))

    def once():
        path = directory + "/" + next_node()
        time.sleep(0.1)
        took = bench.clock(push, path)
        must_be_there(pool, os.path.basename(path))
        os.unlink(path)
        return took

    return once


def main():
    bench.title("One node on 3 nginx hosts, tested and reloaded")
    ansible_files()
    for host in HOSTS:
        subprocess.run(["ssh", "-F", CONFIG, "-i", IDENTITY, "-l", USER, *MASTER, "-o", "ControlMaster=yes", "-o",
                        "ControlPersist=600", host, "true"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    names = {"original": "the original's way: 5 fresh connections a host", "loop": "`ssh` loop, fresh connections",
             "master": "`ssh` with ControlMaster, hosts in parallel", "ansible": "Ansible template + handler, tuned"}
    try:
        with bench.Mount(config(RELOAD)) as mount:
            ways = {
                "ours": through(mount, "ours", bench.touch),
                "touch": through(mount, "touched", lambda path: subprocess.run(["touch", path], check=True)),
                "master": peer("master", master_parallel),
                "loop": peer("loop", loop),
                "original": peer("original", original),
            }
            medians = bench.rounds(int(os.environ.get("BENCH_ROUNDS", "11")), ways, 100)
            ways = {"ours": ways["ours"], "ansible": peer("ansible", ansible)}
            slow = bench.rounds(3, ways, 40)
        with bench.Mount(config("kill -HUP $(cat /run/nginx.pid)")) as mount:
            lean = bench.rounds(11, {"lean": through(mount, "lean", bench.touch), "master": peer("master", master_parallel)}, 20)
        target = {"original": "40 x", "loop": "20 x", "master": "3 x"}
        for name, wanted in target.items():
            bench.row(names[name], bench.duration(medians["ours"]), bench.duration(medians[name]),
                      "%.1f x" % (medians[name] / medians["ours"]), wanted)
        bench.row(names["ansible"], bench.duration(slow["ours"]), bench.duration(slow["ansible"]),
                  "%.0f x" % (slow["ansible"] / slow["ours"]), "100 x")
        bench.row("the same by the command `touch`", bench.duration(medians["touch"]), bench.duration(medians["master"]),
                  "%.1f x" % (medians["master"] / medians["touch"]))
        floor = alone()
        bench.row("the same, against nginx's own test and reload alone, on the 3 hosts at once", bench.duration(medians["ours"]),
                  bench.duration(floor), "%.1f x" % (medians["ours"] / floor))
        bench.row("`reload_cmd` a plain `kill -HUP`, against ControlMaster", bench.duration(lean["lean"]),
                  bench.duration(lean["master"]), "%.1f x" % (lean["master"] / lean["lean"]))
    finally:
        for host in HOSTS:
            subprocess.run(["ssh", "-F", CONFIG, *MASTER, "-O", "exit", host], stderr=subprocess.DEVNULL)


main()
