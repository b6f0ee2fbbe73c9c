#!/usr/bin/env bats
# What POSIX says of who may do what, and of the times that change with it: a table of cases, as three users.
# shellcheck disable=SC2154  # the mount's variables

bats_require_minimum_version 1.5.0
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    # The way to the mount is open to all.
    MOUNT_DIR=$(mktemp -d /tmp/balancerfs-rights.XXXXXX)
    export MOUNT_DIR
    chmod 755 "$MOUNT_DIR"
    mount_start -o allow_other <<YAML
BALANCERS:
  web: {BACKEND: dummy, cache_ttl: 1h, pools: {p: ["a:80", "b:80"], q: ["c:80"], e: []}}
YAML
}

teardown()
{
    cd /
    mount_stop_all
    rm -rf --one-file-system "$MOUNT_DIR"
}

# table: python that calls case(EXPECTED, FUNCTION, ARGUMENT...), in the balancer's directory; by(USER, ...) is the same as
# another user, whose only group has the same number.
table()
{
    { cat <<'PY'
import errno, os, stat, sys, time
os.chdir(sys.argv[1])
failed = total = 0
ann, ben = 4001, 4002

def answer(do, args):
    try:
        do(*args)
        return "ok"
    except OSError as e:
        return errno.errorcode[e.errno]

def is_(got, expected, what):
    global failed, total
    total += 1
    if got != expected:
        failed += 1
        print("%s: %r, not %r" % (what, got, expected))

def case(expected, do, *args):
    is_(answer(do, args), expected, (do.__name__, args))

def by(user, expected, do, *args):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        os.write(w, answer(do, args).encode())
        os._exit(0)
    os.close(w)
    os.waitpid(pid, 0)
    is_(os.read(r, 99).decode(), expected, (user, do.__name__, args))
    os.close(r)

def create(path, mode=0o666):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, mode))

def read(path):
    os.close(os.open(path, os.O_RDONLY))

def write(path):
    os.close(os.open(path, os.O_WRONLY))

def now(path):
    os.utime(path)

def then(path):
    os.utime(path, (1, 2))

def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)

def moves(expected, paths, do, *args):
    "Which times of PATHS move: m, c, or both."
    before = [os.stat(p) for p in paths]
    time.sleep(0.02)
    do(*args)
    got = ""
    for p, old in zip(paths, before):
        new = os.stat(p)
        got += ("m" if new.st_mtime_ns > old.st_mtime_ns else "") + ("c" if new.st_ctime_ns > old.st_ctime_ns else "") + ","
    is_(got[:-1], expected, ("times", do.__name__, args))
PY
        cat
        echo 'print("%d cases, %d failed" % (total, failed))'
        echo 'sys.exit(failed > 0)'
    } >table.py
    python3 table.py "$MNT/web" || return 1
    mount_stop
}

@test "each of read, write and search, for owner, group and others" {
    table <<'PY'
os.chown("p", ann, ben)
for who, shift in (ann, 6), (ben, 3), (4003, 0):
    for bits in range(8):
        os.chmod("p", bits << shift)
        by(who, "ok" if bits & 4 else "EACCES", os.listdir, "p")
        by(who, "ok" if bits & 1 else "EACCES", os.stat, "p/a:80")
        by(who, "ok" if bits & 3 == 3 else "EACCES", create, "p/n:80")
        if bits & 3 == 3:
            by(who, "ok", os.rename, "p/n:80", "p/m:80")
            by(who, "ok", os.unlink, "p/m:80")
        else:
            by(who, "EACCES", os.rename, "p/a:80", "p/m:80")
            by(who, "EACCES", os.unlink, "p/a:80")
    os.chmod("p", 0o777)
    os.chown("p/a:80", ann, ben)
    for bits in range(8):
        os.chmod("p/a:80", bits << shift)
        by(who, "ok" if bits & 4 else "EACCES", read, "p/a:80")
        by(who, "ok" if bits & 2 else "EACCES", write, "p/a:80")
        by(who, "ok" if bits & 2 else "EACCES", os.truncate, "p/a:80", 0)
        by(who, "ok" if bits & 2 or who == ann else "EACCES", now, "p/a:80")
by(ann, "EACCES", os.mkdir, "new")
by(ann, "EACCES", os.rmdir, "e")
os.chmod("p", 0o000)
case("ok", create, "p/root:80")
PY
}

@test "chmod, chown and times are the owner's to set, or root's" {
    table <<'PY'
os.chmod("p", 0o777)
by(ann, "ok", create, "p/n:80")
is_((os.stat("p/n:80").st_uid, os.stat("p/n:80").st_gid), (ann, 0), "whose it is")
by(ann, "ok", os.chmod, "p/n:80", 0o640)
by(ben, "EPERM", os.chmod, "p/n:80", 0o666)
by(ann, "ok", then, "p/n:80")
by(ben, "EPERM", then, "p/n:80")
by(ben, "EACCES", now, "p/n:80")
by(ann, "EPERM", os.chown, "p/n:80", ben, -1)
by(ann, "ok", os.chown, "p/n:80", -1, ann)
by(ann, "EPERM", os.chown, "p/n:80", -1, ben)
by(ben, "EPERM", os.chown, "p/n:80", ben, ben)
is_((os.stat("p/n:80").st_uid, os.stat("p/n:80").st_gid, mode("p/n:80")), (ann, ann, 0o640), "after all that")
os.chmod("p/n:80", 0o6755)
by(ann, "ok", os.chown, "p/n:80", -1, ann)
is_(mode("p/n:80"), 0o755, "chown by a user takes setuid and setgid away")
os.chmod("p/a:80", 0o4777)
by(ben, "ok", lambda: os.write(os.open("p/a:80", os.O_WRONLY), b"x"))
is_(mode("p/a:80") & 0o6000, 0, "and so does a write")
by(ann, "EPERM", os.chmod, "q", 0o777)
by(ann, "EPERM", os.chown, "q", ann, ann)
by(ann, "EPERM", then, "q")
by(ann, "EPERM", os.chmod, ".", 0o777)
case("ok", os.chown, "p/n:80", ben, ben)
by(ben, "ok", os.chmod, "p/n:80", 0o600)
by(ann, "EACCES", read, "p/n:80")
PY
}

@test "a sticky pool: everybody adds, and removes only what is one's own" {
    table <<'PY'
os.chmod("p", 0o1777)
by(ann, "ok", create, "p/ann:80")
by(ben, "ok", create, "p/ben:80")
by(ben, "EPERM", os.unlink, "p/ann:80")
by(ben, "EPERM", os.rename, "p/ann:80", "p/x:80")
by(ben, "EPERM", os.rename, "p/ben:80", "p/ann:80")
by(ben, "ok", os.rename, "p/ben:80", "p/x:80")
by(ann, "EPERM", os.unlink, "p/a:80")
by(ann, "ok", os.unlink, "p/ann:80")
by(ben, "ok", os.unlink, "p/x:80")
case("ok", os.unlink, "p/a:80")
is_(os.listdir("p"), ["b:80"], "what is left")
PY
}

@test "the times that move: of what is changed, and of where it is" {
    table <<'PY'
moves("mc", ["p"], create, "p/n:80")
moves("mc,", ["p", "q"], os.unlink, "p/n:80")
moves("mc", ["p"], os.rename, "p/a:80", "p/n:80")
moves("mc,mc", ["p", "q"], os.rename, "p/n:80", "q/n:80")
moves("mc", ["."], os.mkdir, "new")
moves("mc", ["."], os.rmdir, "new")
moves("mc", ["p"], create, "p/.tmp")
moves("mc", ["p"], os.unlink, "p/.tmp")
f = "p/b:80"
moves("c,", [f, "p"], os.chmod, f, 0o600)
moves("c,", [f, "p"], os.chown, f, 1, 1)
moves("c", [f], then, f)
moves("mc", [f], now, f)
moves("c", ["p"], os.chmod, "p", 0o700)
moves("c", ["p"], os.chown, "p", 1, 1)
then(f)
moves("mc", [f], lambda: os.write(os.open(f, os.O_WRONLY), b"x"))
then(f)
moves("mc", [f], os.truncate, f, 7)
then(f)
moves("mc", [f], lambda: os.close(os.open(f, os.O_WRONLY | os.O_TRUNC)))
moves(",", [f, "p"], lambda: (open(f).read(), os.listdir("p"), os.stat(f)))
is_(os.stat(f).st_atime_ns <= os.stat(f).st_mtime_ns, True, "no access time that reading moves")
moves(",", ["p", "."], answer, os.unlink, ["p/nothing:80"])
moves(",", ["p", "."], answer, os.mkdir, ["p"])
moves(",", ["p", f], answer, os.link, [f, "p/l:80"])
for i in range(2):
    f = "e/.tmp"
    create(f)
    os.chmod(f, 0o600)
    is_((mode(f), os.stat(f).st_mtime_ns <= os.stat(f).st_ctime_ns), (0o600, True), "a temporary")
    os.rename(f, "e/n:80")
ctime = os.stat("e/n:80").st_ctime_ns
os.rename("e/n:80", "e/m:80")
os.rename("e/m:80", "e/n:80")
is_(os.stat("e/n:80").st_ctime_ns, ctime, "ctime under a new name")
is_(time.time() - os.stat("e/n:80").st_ctime < 100, True, "ctime of a node that was a temporary")
PY
}
