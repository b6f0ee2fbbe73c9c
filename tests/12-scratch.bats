#!/usr/bin/env bats
# Temporaries of tools: kept in memory beside the nodes, renamed onto them, never sent to the balancer.
# shellcheck disable=SC2154  # the mount's variables

bats_require_minimum_version 1.5.0
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    log=$BATS_TEST_TMPDIR/log
    mount_start <<YAML
BALANCERS:
  web:
    BACKEND: dummy
    log: $log
    cache_ttl: 1h
    pools: {app: ["10.0.0.1:80", "10.0.0.2:80"], spare: []}
  other: {BACKEND: dummy, pools: {app: []}}
YAML
    app=$MNT/web/app
    ls "$app" >/dev/null
    calls >/dev/null
}

teardown()
{
    cd /
    mount_stop_all
}

nothing_applied()
{
    assert_equal "$(calls | grep -v get_)" ""
}

# program: python on standard input, with the pool and what it needs most.
program()
{
    { cat <<'PY'
import errno, os, sys
pool, web, mnt = sys.argv[1:4]
spare = web + "/spare"

def refused(num, do, *args):
    try:
        do(*args)
    except OSError as e:
        assert e.errno == num, (errno.errorcode[num], args, e)
        return
    raise SystemExit("allowed: %s %s" % (do.__name__, args))

def write(path, text):
    f = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(f, text)
    os.close(f)

def listed(path=None):
    return " ".join(sorted(os.listdir(path or pool)))
PY
        cat
    } >program.py
    python3 program.py "$app" "$MNT/web" "$MNT"
}

@test "every temporary of every tool is written, listed, read and renamed onto a node: added exactly once" {
    program <<'PY'
T = "10.0.0.3:80"
names = [".T.a1B2c3", ".ansible_tmpq_w3rtyuT", "T20261124-4711-1ab2c3d", "T.cfnew", "T.cf-before-edit", "T.cfsaved",
         "T.cdist.__file.4711", ".rex.tmp.T", ".unison.T.1a2b.unison.tmp", "T.a1b2c3d4.partial", "Tsalt_ab1", ".chef-T20261124-1-a",
         ".T.swp", "T~", "4913", "#T#", ".#T", "T.save", "sedAb1Cd2", "XXab12cd", "tmpab12_d3x", "T-1.bak"]
for name in names:
    name = name.replace("T", T) if not name.startswith("XX") else name
    path = pool + "/" + name
    f = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    os.write(f, b"note of " + name.encode())
    os.fchmod(f, 0o600)
    os.utime(f, (1, 2))
    os.fsync(f)
    os.close(f)
    assert name in os.listdir(pool), name
    st = os.stat(path)
    assert (st.st_mode & 0o777, st.st_mtime, st.st_size) == (0o600, 2, 8 + len(name)), (name, st)
    os.rename(path, pool + "/" + T)
    assert listed() == "10.0.0.1:80 10.0.0.2:80 " + T, (name, listed())
    assert open(pool + "/" + T).read() == "note of " + name
    assert os.stat(pool + "/" + T).st_mtime == 2
    os.unlink(pool + "/" + T)
print(len(names))
PY
    assert_equal "$(calls | grep -v get_ | sort | uniq -c | sed 's/^ *//')" "22 apply app+10.0.0.3:80
22 apply app-10.0.0.3:80"
    mount_stop
}

@test "renaming onto a node that is there replaces its text alone; a node renamed to a temporary is deleted" {
    program <<'PY'
write(pool + "/.tmp", b"new")
inode = os.stat(pool + "/.tmp").st_ino
os.rename(pool + "/.tmp", pool + "/10.0.0.1:80")
assert open(pool + "/10.0.0.1:80").read() == "new" and os.stat(pool + "/10.0.0.1:80").st_ino == inode
PY
    nothing_applied
    program <<'PY'
os.rename(pool + "/10.0.0.1:80", pool + "/10.0.0.1:80~")
assert listed() == "10.0.0.1:80~ 10.0.0.2:80" and open(pool + "/10.0.0.1:80~").read() == "new"
os.rename(pool + "/10.0.0.1:80~", spare + "/10.0.0.1:80")
refused(errno.EINVAL, os.rename, pool + "/10.0.0.2:80", pool + "/web1")
write(pool + "/.tmp", b"")
refused(errno.EINVAL, os.rename, pool + "/.tmp", pool + "/10.0.0.1:99999")
refused(errno.EXDEV, os.rename, pool + "/.tmp", mnt + "/other/app/10.0.0.3:80")
refused(errno.EPERM, os.rename, pool + "/.tmp", web + "/.tmp")
refused(errno.EPERM, os.rename, pool + "/.tmp", pool + "/.status")
refused(errno.EPERM, os.rename, pool + "/.nodes", pool + "/.tmp2")
PY
    assert_equal "$(calls | grep -v get_)" "apply app-10.0.0.1:80
apply spare+10.0.0.1:80"
    mount_stop
}

@test "at most 1 MiB each and 4 KiB in a node, 1,024 of them, then EFBIG and ENOSPC; what was there stays" {
    program <<'PY'
write(pool + "/.big", b"x" * (1 << 20))
f = os.open(pool + "/.big", os.O_WRONLY | os.O_APPEND)
refused(errno.EFBIG, os.write, f, b"y")
refused(errno.EFBIG, os.truncate, pool + "/.big", (1 << 20) + 1)
assert os.stat(pool + "/.big").st_size == 1 << 20
refused(errno.EFBIG, os.rename, pool + "/.big", pool + "/10.0.0.3:80")
os.truncate(pool + "/.big", 4096)
os.rename(pool + "/.big", pool + "/10.0.0.3:80")
os.unlink(pool + "/10.0.0.3:80")
for i in range(1023):
    write(pool + "/.s%d" % i, b"")
os.mkdir(spare + "/.dir")
refused(errno.ENOSPC, write, pool + "/.more", b"")
refused(errno.ENOSPC, os.mkdir, spare + "/.more")
refused(errno.ENOSPC, write, spare + "/.dir/more", b"")
refused(errno.ENOSPC, os.rename, pool + "/10.0.0.1:80", pool + "/.more")
refused(errno.ENOSPC, os.rename, pool + "/10.0.0.1:80", spare + "/.dir/more")
assert "10.0.0.1:80" in os.listdir(pool)
write(mnt + "/other/app/.more", b"")
os.close(os.open(pool + "/10.0.0.4:80", os.O_CREAT | os.O_WRONLY))
os.unlink(pool + "/.s0")
write(pool + "/.more", b"")
PY
    mount_stop
}

@test "scratch directories: only under such names, files of any name in them, no directories, gone with rm -rf POOL" {
    program <<'PY'
refused(errno.EPERM, os.mkdir, pool + "/sub")
refused(errno.EPERM, os.mkdir, pool + "/10.0.0.3:80")
for name in ".rsync-partial", ".~tmp~", "10.0.0.3:8020261124-4711-1ab2c3d.lock":
    os.mkdir(pool + "/" + name)
    refused(errno.EEXIST, os.mkdir, pool + "/" + name)
    refused(errno.EISDIR, os.open, pool + "/" + name, os.O_WRONLY)
    refused(errno.EPERM, os.mkdir, pool + "/" + name + "/.deeper")
    write(pool + "/" + name + "/10.0.0.3:80", b"part")
    write(pool + "/" + name + "/any name", b"part")
    assert listed(pool + "/" + name) == "10.0.0.3:80 any name"
    refused(errno.ENOTEMPTY, os.rmdir, pool + "/" + name)
    refused(errno.ENOTDIR, os.rmdir, pool + "/" + name + "/any name")
    refused(errno.EISDIR, os.unlink, pool + "/" + name)
    os.unlink(pool + "/" + name + "/any name")
assert listed() == ".rsync-partial .~tmp~ 10.0.0.1:80 10.0.0.2:80 10.0.0.3:8020261124-4711-1ab2c3d.lock"
refused(errno.ENOTEMPTY, os.rmdir, pool)
PY
    nothing_applied
    program <<'PY'
os.rename(pool + "/.rsync-partial/10.0.0.3:80", pool + "/10.0.0.3:80")
assert open(pool + "/10.0.0.3:80").read() == "part"
os.rmdir(pool + "/.rsync-partial")
os.rename(pool + "/10.0.0.3:80", pool + "/.~tmp~/kept")
os.rename(pool + "/.~tmp~", pool + "/.other")
assert listed(pool + "/.other") == "10.0.0.3:80 kept"
PY
    assert_equal "$(calls | grep -v get_)" "apply app+10.0.0.3:80
apply app-10.0.0.3:80"
    rm -rf "$app"
    [ ! -e "$app" ]
    mkdir "$app"
    assert_equal "$(ls -A "$app")" ""
    mount_stop
}

@test "a temporary that is removed while it is open, or taken over by another, keeps its text" {
    program <<'PY'
import tempfile
with tempfile.TemporaryFile(dir=pool) as f:
    f.write(b"unseen")
    f.flush()
    f.seek(0)
    assert f.read() == b"unseen" and os.fstat(f.fileno()).st_nlink == 0
assert listed() == "10.0.0.1:80 10.0.0.2:80"
write(pool + "/.a", b"a")
write(pool + "/.b", b"b")
f = os.open(pool + "/.b", os.O_RDONLY)
os.rename(pool + "/.a", pool + "/.b")
assert os.read(f, 9) == b"b" and open(pool + "/.b").read() == "a"
refused(errno.ENOENT, os.unlink, pool + "/.a")
PY
    nothing_applied
    mount_stop
}

@test "other names that somebody may have mistyped are told, in a pool and in a balancer" {
    program <<'PY'
for name in ".Nodes", ".node", "web1", "10.0.0.1", "10.0.0.3:80-90", "tmp", "sed", "x" * 255:
    refused(errno.EINVAL, write, pool + "/" + name, b"")
for name in ".status", ".log":
    refused(errno.EPERM, write, pool + "/" + name, b"")
    refused(errno.ENOENT, os.stat, pool + "/" + name)
refused(errno.EPERM, write, web + "/.tmp", b"")
refused(errno.EPERM, write, mnt + "/.tmp", b"")
refused(errno.ENAMETOOLONG, write, pool + "/." + "x" * 300, b"")
PY
    nothing_applied
    mount_stop
}
