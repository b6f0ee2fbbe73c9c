#!/usr/bin/env bats
# What POSIX says of system calls, with the names of nodes: a table of cases; then size, age and endurance.
# shellcheck disable=SC2154  # the mount's variables

bats_require_minimum_version 1.5.0
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, cache_ttl: 1h, pools: {p: ["a:80", "b:80"], q: ["c:80"], e: []}}
  two: {BACKEND: dummy, cache_ttl: 1h, pools: {p: []}}
YAML
}

teardown()
{
    cd /
    mount_stop_all
}

# table: python that calls case(EXPECTED, FUNCTION, ARGUMENT...); names are taken from the balancer's directory.
table()
{
    { cat <<'PY'
import errno, os, sys, stat, time
os.chdir(sys.argv[1])
failed = total = 0

def case(expected, do, *args, **named):
    global failed, total
    total += 1
    try:
        do(*args, **named)
        got = "ok"
    except OSError as e:
        got = errno.errorcode[e.errno]
    if got != expected:
        failed += 1
        print("%s%r: %s, not %s" % (getattr(do, "__name__", do), args, got, expected))

def is_(got, expected, what):
    global failed, total
    total += 1
    if got != expected:
        failed += 1
        print("%s: %r, not %r" % (what, got, expected))

def create(path, flags=0, mode=0o666):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | flags, mode))

def opened(path, flags=os.O_RDONLY):
    os.close(os.open(path, flags))

long = "x" * 256
PY
        cat
        echo 'print("%d cases, %d failed" % (total, failed))'
        echo 'sys.exit(failed > 0)'
    } >table.py
    python3 table.py "$MNT/web" || return 1
}

@test "open and mknod" {
    table <<'PY'
case("ok", opened, "p/a:80")
case("ok", opened, "p/a:80", os.O_RDWR)
case("ok", opened, "p/a:80", os.O_WRONLY | os.O_TRUNC | os.O_APPEND)
case("ENOENT", opened, "p/n:80")
case("ENOENT", opened, "nowhere/a:80")
case("ENOENT", create, "nowhere/a:80")
case("ENOTDIR", opened, "p/a:80/b:80")
case("ENOTDIR", create, "p/a:80/b:80")
case("ENOTDIR", opened, "p/a:80/")
case("EISDIR", opened, "p", os.O_WRONLY)
case("EISDIR", create, "p")
case("EISDIR", create, "p/n:80/")
case("ok", opened, "p", os.O_RDONLY | os.O_DIRECTORY)
case("ENOTDIR", opened, "p/a:80", os.O_DIRECTORY)
case("EEXIST", create, "p/a:80", os.O_EXCL)
case("EEXIST", create, "p", os.O_EXCL)
case("ok", create, "p/n:80", os.O_EXCL)
case("EEXIST", create, "p/n:80", os.O_EXCL)
case("ok", create, "p/n:80")
case("ENAMETOOLONG", opened, "p/" + long * 2)
case("ENAMETOOLONG", create, "p/" + long * 2)
case("ENAMETOOLONG", opened, "p/" + "../p/" * 900 + "a:80")
case("ok", opened, "p/" + "../p/" * 700 + "a:80")
case("ok", opened, "../web/./p//../q/../p/a:80")
case("ok", opened, "p/a:80", os.O_NOFOLLOW | os.O_NOATIME | os.O_SYNC)
case("EEXIST", os.mknod, "p/a:80", 0o600 | stat.S_IFREG)
case("ok", os.mknod, "e/n:80", 0o600 | stat.S_IFREG)
for kind in stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK:
    case("EPERM", os.mknod, "p/k:80", 0o600 | kind, os.makedev(1, 3))
case("EINVAL", os.readlink, "p/a:80")
case("EPERM", os.link, "p/a:80", "p/l:80")
case("EPERM", os.symlink, "a:80", "p/l:80")
is_(sorted(os.listdir("p")), ["a:80", "b:80", "n:80"], "what is there")
st = os.stat("p/n:80")
is_((st.st_nlink, st.st_size, stat.S_ISREG(st.st_mode)), (1, 0, True), "stat of a node")
f = os.open("p/n:80", os.O_RDWR)
is_(os.fstat(f).st_ino, st.st_ino, "fstat")
case("ok", os.write, f, b"12345")
is_((os.pread(f, 9, 1), os.lseek(f, 0, os.SEEK_END), os.fstat(f).st_size), (b"2345", 5, 5), "read back")
case("ok", os.pwrite, f, b"9", 9)
is_(os.pread(f, 99, 0), b"12345\0\0\0\x009", "a hole")
os.close(f)
r = os.open("p/n:80", os.O_RDONLY)
case("EBADF", os.write, r, b"x")
a = os.open("p/n:80", os.O_WRONLY | os.O_APPEND)
case("EBADF", os.read, a, 1)
os.write(a, b"end")
is_(os.pread(r, 99, 10), b"end", "append")
PY
}

@test "unlink, mkdir and rmdir" {
    table <<'PY'
case("ENOENT", os.unlink, "p/n:80")
case("ENOENT", os.unlink, "nowhere/n:80")
case("ENOENT", os.unlink, "p/no name of a node")
case("ENOTDIR", os.unlink, "p/a:80/n:80")
case("ENOTDIR", os.unlink, "p/a:80/")
case("ENAMETOOLONG", os.unlink, "p/" + long * 2)
case("EISDIR", os.unlink, "p")
f = os.open("p/a:80", os.O_RDWR)
os.write(f, b"still here")
inode = os.fstat(f).st_ino
case("ok", os.unlink, "p/a:80")
is_((os.fstat(f).st_nlink, os.pread(f, 99, 0)), (0, b"still here"), "open and unlinked")
case("ENOENT", os.unlink, "p/a:80")
case("ok", create, "p/a:80", os.O_EXCL)
is_((os.stat("p/a:80").st_size, os.stat("p/a:80").st_ino == inode), (0, False), "made anew")
os.close(f)
before = os.stat("p").st_mtime_ns
case("ok", os.unlink, "p/a:80")
is_(os.stat("p").st_mtime_ns > before, True, "the directory's time")
case("EEXIST", os.mkdir, "p")
case("EEXIST", os.mkdir, "p/b:80")
case("ENOENT", os.mkdir, "nowhere/new")
case("ENOTDIR", os.mkdir, "p/b:80/new")
case("ENAMETOOLONG", os.mkdir, long * 2)
case("EINVAL", os.mkdir, "x" * 64)
case("ok", os.mkdir, "x" * 63)
case("ok", os.mkdir, "new/")
is_(os.stat("new").st_nlink, 2, "links of a pool")
is_(os.stat(".").st_nlink, 2 + len(os.listdir(".")), "links of a balancer")
case("ENOTEMPTY", os.rmdir, "p")
case("ENOTDIR", os.rmdir, "p/b:80")
case("ENOENT", os.rmdir, "nowhere")
case("EINVAL", os.rmdir, "new/.")
case("ENOTEMPTY", os.rmdir, "new/..")
d = os.open("new", os.O_RDONLY)
case("ok", os.rmdir, "new/")
case("ENOENT", os.rmdir, "new")
is_(os.listdir(d), [], "a removed directory that is open")
case("ENOENT", os.open, "n:80", os.O_CREAT | os.O_WRONLY, dir_fd=d)
case("ENOENT", os.mkdir, ".tmp", dir_fd=d)
case("ok", os.rmdir, "x" * 63)
PY
}

@test "rename" {
    table <<'PY'
case("ENOENT", os.rename, "p/n:80", "p/m:80")
case("ENOENT", os.rename, "p/a:80", "nowhere/m:80")
case("ENOTDIR", os.rename, "p/a:80", "p/b:80/m:80")
case("ENOTDIR", os.rename, "p/a:80/x:80", "p/m:80")
case("ENAMETOOLONG", os.rename, "p/a:80", "p/" + long * 2)
case("ok", os.rename, "p/a:80", "p/a:80")
case("EISDIR", os.rename, "p/a:80", "q")
case("ENOTDIR", os.rename, "q", "p/a:80")
case("EPERM", os.rename, "q", "r")
case("EPERM", os.rename, "e", "q")
case("EPERM", os.rename, "e", "p/e")
case("EPERM", os.rename, "p/a:80", "a:80")
case("EINVAL", os.rename, "p", "p/.p")
case("EXDEV", os.rename, "p/a:80", "../two/p/a:80")
case("EXDEV", os.rename, "p/a:80", "/tmp/a:80")
st = os.stat("p/a:80")
f = os.open("p/a:80", os.O_RDWR)
os.write(f, b"note")
case("ok", os.rename, "p/a:80", "p/m:80")
case("ENOENT", os.stat, "p/a:80")
is_((os.stat("p/m:80").st_ino, open("p/m:80").read()), (st.st_ino, "note"), "the same under a new name")
case("ok", os.rename, "p/m:80", "q/m:80")
is_(os.fstat(f).st_ino, os.stat("q/m:80").st_ino, "open while it moved")
case("ok", os.rename, "q/m:80", "q/c:80")
is_((os.listdir("q"), open("q/c:80").read()), (["c:80"], "note"), "onto one that is there")
case("ok", os.rename, "q/c:80", "p/b:80")
is_((os.listdir("q"), os.listdir("p")), ([], ["b:80"]), "onto one in another pool")
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def rename2(a, b, flags):
    if libc.renameat2(-100, a.encode(), -100, b.encode(), flags):
        raise OSError(ctypes.get_errno(), a)
create("p/x:80")
case("EEXIST", rename2, "p/x:80", "p/b:80", 1)
case("ok", rename2, "p/x:80", "p/y:80", 1)
case("EINVAL", rename2, "p/y:80", "p/b:80", 2)
is_(sorted(os.listdir("p")), ["b:80", "y:80"], "after flags")
PY
}

@test "utimensat, truncate, chmod, chown, statvfs" {
    table <<'PY'
for path in "p/a:80", "p", ".":
    case("ok", os.utime, path, (1, 2))
    is_((os.stat(path).st_atime, os.stat(path).st_mtime), (1, 2), "times of " + path)
    case("ok", os.utime, path, ns=(10**18 + 1, 10**18 + 2))
    is_((os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns), (10**18 + 1, 10**18 + 2), "ns of " + path)
    before = time.time()
    case("ok", os.utime, path)
    is_(abs(os.stat(path).st_mtime - before) < 5, True, "the present of " + path)
    case("ok", os.chmod, path, 0o751)
    is_(stat.S_IMODE(os.stat(path).st_mode), 0o751, "mode of " + path)
    case("ok", os.chmod, path, 0o7777)
    case("ok", os.chown, path, 12, 34)
    is_((os.stat(path).st_uid, os.stat(path).st_gid), (12, 34), "owner of " + path)
    case("ok", os.chown, path, -1, 35)
    is_((os.stat(path).st_uid, os.stat(path).st_gid), (12, 35), "group of " + path)
case("ENOENT", os.utime, "p/n:80")
case("ENOENT", os.chmod, "p/n:80", 0o600)
case("ENOTDIR", os.chown, "p/a:80/x", 0, 0)
case("ok", os.truncate, "p/a:80", 100)
is_((os.stat("p/a:80").st_size, open("p/a:80", "rb").read()), (100, b"\0" * 100), "longer")
case("ok", os.truncate, "p/a:80", 3)
case("ok", os.truncate, "p/a:80", 3)
case("EINVAL", os.truncate, "p/a:80", -1)
case("EFBIG", os.truncate, "p/a:80", 4097)
case("EISDIR", os.truncate, "p", 0)
case("ENOENT", os.truncate, "p/n:80", 0)
is_(os.stat("p/a:80").st_size, 3, "shorter")
before = os.stat("p/b:80").st_mtime_ns
time.sleep(0.02)
with open("p/b:80", "w") as f:
    f.write("x")
is_(os.stat("p/b:80").st_mtime_ns > before, True, "a write moves the time")
for path in "p/b:80", "p/.tmp":
    for text in "a long text", "short", "longer", "":
        with open(path, "w") as f:
            f.write(text)
        is_((open(path).read(), os.stat(path).st_size), (text, len(text)), "written again: " + path)
os.unlink("p/.tmp")
v = os.statvfs("p")
is_(v.f_namemax >= 259, True, "longest name")
is_(os.access("p", os.R_OK | os.W_OK | os.X_OK), True, "access")
inodes = {}
for at, dirs, files in os.walk(".."):
    for name in dirs + files:
        path = os.path.join(at, name)
        is_(inodes.setdefault(os.lstat(path).st_ino, path), path, "an inode number of its own")
is_(len({os.stat(p).st_dev for p in ("..", "p", "p/a:80")}), 1, "one device")
for name in os.scandir("p"):
    is_((name.is_file(), name.inode()), (True, os.stat(name.path).st_ino), "d_type and d_ino")
PY
}

@test "names with brackets, colons, hyphens and every length survive every way" {
    table <<'PY'
names = ["[2001:db8::1]:443", "[::1]:1", "127.0.0.1:65535", "a-b.c-d.example:80", "A.Example:80",
         ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61]) + ":65535", "x" * 63 + ":1"] + ["h%s:80" % ("z" * n) for n in range(0, 40)]
for name in names:
    case("ok", create, "e/" + name, os.O_EXCL)
    case("ok", os.rename, "e/" + name, "q/" + name)
    case("ok", os.stat, "q/" + name)
is_(sorted(os.listdir("q")), sorted(names + ["c:80"]), "all of them")
is_(open("q/.nodes").read().split("\n")[:-1], sorted(names + ["c:80"]), "in .nodes too")
for name in names:
    case("ok", os.unlink, "q/" + name)
PY
    (cd "$MNT/web/e" && touch '[2001:db8::1]:80' './h:80' && ls -- *]:80 && find . -name '\[*' && rm -- '[2001:db8::1]:80' h:*)
}

@test "100,000 nodes: made, listed, found and removed in a time that is bounded" {
    n=100000
    # A thread sanitizer takes ten times as long.
    [ "${TEST_KIND:-plain}" != tsan ] || n=20000
    seq 0 $((n - 1)) | awk '{ print "10." int($1 / 65536) "." int($1 / 256) % 256 "." $1 % 256 ":80" }' >list
    timeout 60 cp list "$MNT/web/p/.nodes"
    assert_equal "$(timeout 60 ls "$MNT/web/p" | wc -l)" $n
    assert_equal "$(timeout 60 find "$MNT/web/p" -type f | wc -l)" $n
    timeout 10 cmp list "$MNT/web/p/.nodes"
    timeout 10 touch "$MNT/web/p/10.200.0.1:80"
    timeout 10 rm "$MNT/web/p/10.200.0.1:80"
    timeout 200 rm -rf "$MNT/web/p"
    [ ! -e "$MNT/web/p" ]
    mount_stop
}

@test "20,000 additions and removals: no more memory, threads or open files than after the first" {
    cat >soak.py <<'PY'
import os, sys
pid, pool = sys.argv[1], sys.argv[2]

def daemon():
    fields = dict(line.split(":", 1) for line in open("/proc/%s/status" % pid))
    return int(fields["VmRSS"].split()[0]), int(fields["Threads"]), len(os.listdir("/proc/%s/fd" % pid))

def work(n):
    for i in range(n):
        path = "%s/10.0.%d.%d:80" % (pool, i // 250 % 250, i % 250)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        if i % 10 == 0:
            os.utime(path, (1, 2))
            with open(path, "w") as f:
                f.write("note")
            os.rename(path, pool + "/.tmp")
            os.rename(pool + "/.tmp", path)
        os.unlink(path)

work(3000)
before = daemon()
work(20000)
after = daemon()
print(before, after)
assert after[0] < before[0] + 4096, "memory grows"
assert after[1] <= before[1] and after[2] <= before[2], "threads or files are left"
PY
    # What a sanitizer keeps of freed memory is not the daemon's.
    [ "${TEST_KIND:-plain}" = plain ] || sed -i 's/after\[0\] < .*/True/' soak.py
    timeout 200 python3 soak.py "$PID" "$MNT/web/p"
    mount_stop
}
