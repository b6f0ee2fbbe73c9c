#!/usr/bin/env bats
# Odd things that a program may do to a file: each has a defined answer, for a node, a temporary, .nodes, .status and a pool.
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
  web: {BACKEND: dummy, log: $log, cache_ttl: 1h, pools: {p: ["a:80", "b:80"], q: []}}
YAML
    ls "$MNT/web/p" >/dev/null
    calls >/dev/null
}

teardown()
{
    cd /
    mount_stop_all
}

# table: python in the pool that calls has(EXPECTED, WHAT, FUNCTION): what it returns, or the name of the errno.
table()
{
    { cat <<'PY'
import ctypes, errno, fcntl, mmap, os, socket, struct, sys
os.chdir(sys.argv[1])
failed = total = 0
libc = ctypes.CDLL(None, use_errno=True)

def has(expected, what, do):
    global failed, total
    total += 1
    try:
        got = do()
        got = "ok" if got is None else got
    except OSError as e:
        got = errno.errorcode[e.errno]
    if got != expected:
        failed += 1
        print("%s: %r, not %r" % (what, got, expected))

def c(name, *args):
    if getattr(libc, name)(*args) < 0:
        raise OSError(ctypes.get_errno(), name)

def text(path, t, flags=os.O_CREAT | os.O_WRONLY | os.O_TRUNC):
    f = os.open(path, flags)
    os.write(f, t)
    os.close(f)

def elsewhere(do):
    "The errno of another process that does it; 0: none."
    pid = os.fork()
    if pid == 0:
        try:
            do()
            os._exit(0)
        except OSError as e:
            os._exit(e.errno)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

text(".tmp", b"")
PY
        cat
        echo 'print("%d cases, %d failed" % (total, failed))'
        echo 'sys.exit(failed > 0)'
    } >table.py
    python3 table.py "$MNT/web/p" || return 1
    assert_equal "$(calls)" ""
    mount_stop
}

@test "O_DIRECT, mmap, holes, and offsets where nothing is" {
    table <<'PY'
for f in "a:80", ".tmp":
    text(f, b"hello")
    d = os.open(f, os.O_RDWR | os.O_DIRECT)
    page = mmap.mmap(-1, 4096)
    has(5, "O_DIRECT read", lambda: os.readv(d, [page]))
    page[0:5] = b"DIREC"
    has(512, "O_DIRECT write", lambda: os.pwritev(d, [memoryview(page)[:512]], 0))
    has(b"DIREC", "it is there", lambda: open(f, "rb").read(5))
    has(b"xyz", "O_DIRECT at any place", lambda: (os.pwrite(d, b"xyz", 1), os.pread(d, 3, 1))[1])
    text(f, b"hello")
    f = os.open(f, os.O_RDWR)
    has(b"hello", "mmap to read", lambda: mmap.mmap(f, 5, prot=mmap.PROT_READ)[:])
    def write():
        m = mmap.mmap(f, 5)
        m[0:2] = b"JE"
        m.flush()
        m.close()
        return os.pread(f, 9, 0)
    has(b"JEllo", "mmap to write", write)
    def private():
        m = mmap.mmap(f, 5, flags=mmap.MAP_PRIVATE)
        m[0:2] = b"XX"
        return os.pread(f, 9, 0)
    has(b"JEllo", "mmap for oneself", private)
    has((4001, b"JEllo" + bytes(3995) + b"x"), "a hole", lambda: (os.pwrite(f, b"x", 4000), (os.fstat(f).st_size, os.pread(f, 9999, 0)))[1])
    has(0, "SEEK_DATA", lambda: os.lseek(f, 0, os.SEEK_DATA))
    has(4001, "SEEK_HOLE", lambda: os.lseek(f, 0, os.SEEK_HOLE))
    has("ENXIO", "SEEK_DATA behind the end", lambda: os.lseek(f, 5000, os.SEEK_DATA))
    has("EINVAL", "lseek before the beginning", lambda: os.lseek(f, -1, os.SEEK_SET))
    has("EINVAL", "pread there", lambda: os.pread(f, 1, -1))
    has("EINVAL", "pwrite there", lambda: os.pwrite(f, b"x", -1))
    has(b"", "pread far behind the end", lambda: os.pread(f, 9, 1 << 40))
    has("EFBIG", "pwrite there", lambda: os.pwrite(f, b"x", 1 << 40))
    has("EFBIG", "ftruncate there", lambda: os.ftruncate(f, 1 << 40))
    has("EINVAL", "ftruncate before the beginning", lambda: os.ftruncate(f, -1))
    has(0, "nothing written", lambda: os.write(f, b""))
    has(3, "sendfile", lambda: os.sendfile(os.open("/dev/null", os.O_WRONLY), f, 0, 3))
    has(5, "copy_file_range", lambda: os.copy_file_range(f, os.open("b:80", os.O_RDWR), 5, 0, 0))
    has(4001, "as it was", lambda: os.fstat(f).st_size)
    for mode in 0, 1, 3, 16:
        has("EPERM", "fallocate %d" % mode, lambda: c("fallocate", f, mode, ctypes.c_long(0), ctypes.c_long(100)))
    has("ok", "fsync, fdatasync, syncfs", lambda: (os.fsync(f), os.fdatasync(f), c("syncfs", f))[2])
PY
}

@test "links, fifos, sockets, devices, directories: none, under whatever name" {
    table <<'PY'
for new in "n:80", ".new", "web1":
    for f in "a:80", ".tmp":
        has("EPERM", "link to " + new, lambda: os.link(f, new))
    has("EPERM", "symlink " + new, lambda: os.symlink("a:80", new))
    has("EPERM", "mkfifo " + new, lambda: os.mkfifo(new))
    has("EPERM", "bind " + new, lambda: socket.socket(socket.AF_UNIX).bind(new))
    has("EPERM", "a device " + new, lambda: os.mknod(new, 0o060600, os.makedev(7, 0)))
has("EEXIST", "a link to what is there", lambda: os.link(".tmp", "a:80"))
has("EPERM", "a link to .nodes", lambda: os.link(".nodes", ".new"))
has("EEXIST", "a symlink .nodes", lambda: os.symlink("a:80", ".nodes"))
has("EEXIST", "mkdir .nodes", lambda: os.mkdir(".nodes"))
has("ENOTDIR", "rmdir .nodes", lambda: os.rmdir(".nodes"))
has("EPERM", "unlink .nodes", lambda: os.unlink(".nodes"))
has("EPERM", "makedirs", lambda: os.makedirs("x/y/z"))
has("ENOTSUP", "O_TMPFILE", lambda: os.open(".", os.O_TMPFILE | os.O_RDWR))
has("EBUSY", "rename .", lambda: os.rename(".", "../x"))
has(["a:80", "b:80", ".tmp"], "what is there", lambda: sorted(os.listdir("."), key=lambda n: (n[0] == ".", n)))
PY
}

@test "deep paths, dots, and bytes that no name has" {
    table <<'PY'
has("ENOTDIR", "below a node", lambda: os.stat("a:80/b/c/d"))
has("ENOENT", "deep where nothing is", lambda: os.stat("n/" * 1000 + "x"))
has("ok", "a long way to here", lambda: os.close(os.open("../../web/p/" * 300 + "./a:80", os.O_RDONLY)))
has("ENAMETOOLONG", "a longer one", lambda: os.stat("../p/" * 1000 + "a:80"))
has(True, "..", lambda: os.path.samefile("../..", os.path.dirname(os.path.dirname(os.getcwd()))))
has("EISDIR", "..", lambda: os.open("..", os.O_WRONLY))
has("EEXIST", "mkdir .", lambda: os.mkdir("."))
has("EEXIST", "mkdir ..", lambda: os.mkdir(".."))
for name in b"a\n:80", b"a b:80", b"\xc3\xa4:80", b"\xff:80", b"a:80 ", b"\\:80", b"*:80", b"$(id):80", b"-:80", b"%00:80", b"a:+80", b"a:0x50":
    has("EINVAL", repr(name), lambda: os.open(name, os.O_CREAT | os.O_WRONLY))
    has("EINVAL", "mkdir %r" % name, lambda: os.mkdir(b"../" + name))
    has("ENOENT", "unlink %r" % name, lambda: os.unlink(name))
PY
}

@test "xattrs and ACLs: two can be read, none can be set" {
    table <<'PY'
for f in "a:80", ".tmp", ".nodes", ".", "../.status", "..":
    for name in "user.x", "user.balancerfs.hosts", "user.balancerfs.error", "trusted.x", "security.x":
        has("ENOTSUP", "set %s of %s" % (name, f), lambda: os.setxattr(f, name, b"v"))
        has("ENOTSUP", "remove %s of %s" % (name, f), lambda: os.removexattr(f, name))
    has("ENODATA", "get user.x of " + f, lambda: os.getxattr(f, "user.x"))
    for name in "trusted.x", "system.posix_acl_access", "system.posix_acl_default":
        has("ENOTSUP", "get %s of %s" % (name, f), lambda: os.getxattr(f, name))
    has([], "list of " + f, lambda: os.listxattr(f))
    has("ERANGE", "a name too long", lambda: os.setxattr(f, "user." + "x" * 300, b"v"))
PY
}

@test "setfacl, chattr and lsattr say that it is not supported" {
    node=$MNT/web/p/a:80
    for way in "setfacl -m u:1:r" "setfacl -d -m u:1:r" "chattr +i" "chattr +a" "lsattr -d"; do
        # shellcheck disable=SC2086  # words are what is wanted
        for f in "$node" "$MNT/web/p"; do
            [[ $way != *-d\ -m* ]] || f=$MNT/web/p
            run $way "$f"
            assert_failure
            assert_output --regexp 'not supported|Inappropriate ioctl'
        done
    done
    run getfacl -cp "$node"
    assert_success
    assert_output "user::rw-
group::r--
other::r--"
    assert_equal "$(calls)" ""
    mount_stop
}

@test "locks: flock and fcntl are between those who ask here" {
    table <<'PY'
for name in "a:80", ".tmp", ".nodes", ".":
    f = os.open(name, os.O_RDONLY if name == "." else os.O_RDWR)
    def flock():
        fcntl.flock(os.open(name, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    has(errno.EAGAIN, "flock of a second one: " + name, lambda: elsewhere(flock))
    fcntl.flock(f, fcntl.LOCK_UN)
    has(0, "and after: " + name, lambda: elsewhere(flock))
    if name == ".":
        continue
    def lockf():
        fcntl.lockf(os.open(name, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 5)
    fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10)
    has(errno.EAGAIN, "fcntl of a second one: " + name, lambda: elsewhere(lockf))
    fcntl.lockf(f, fcntl.LOCK_UN)
    has(0, "and after: " + name, lambda: elsewhere(lockf))
    ofd = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    has("ok", "of an open file: " + name, lambda: fcntl.fcntl(f, 37, ofd) and None)
    os.close(f)
PY
}

@test ".nodes and .status by odd ways: a bad list is refused, a text is no mapping" {
    table <<'PY'
f = os.open(".nodes", os.O_RDWR)
has(b"a:80\n", "mmap of .nodes, for oneself", lambda: mmap.mmap(f, 5, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)[:])
has("ENODEV", "mmap of .nodes, shared", lambda: mmap.mmap(f, 5))
has("EPERM", "fallocate", lambda: os.posix_fallocate(f, 0, 100))
has("EINVAL", "pwrite before the beginning", lambda: os.pwrite(f, b"x", -1))
has("EFBIG", "pwrite far behind the end", lambda: os.pwrite(f, b"x", 1 << 40))
has(b"", "pread there", lambda: os.pread(f, 9, 1 << 40))
has("ok", "close, with nothing written", lambda: os.close(f))
def hole(size):
    f = os.open(".nodes", os.O_RDWR)
    os.pwrite(f, b"n:80\n", size)
    os.close(f)
has("EINVAL", "a list with a hole", lambda: hole(100))
def longer():
    f = os.open(".nodes", os.O_RDWR | os.O_TRUNC)
    os.write(f, b"n:80\n")
    os.ftruncate(f, 20)
    os.close(f)
has("EINVAL", "a list that ends in NUL", longer)
def direct():
    page = mmap.mmap(-1, 4096)
    page[0:10] = b"a:80\nb:80\n"
    f = os.open(".nodes", os.O_WRONLY | os.O_TRUNC | os.O_DIRECT)
    os.writev(f, [memoryview(page)[:10]])
    os.close(f)
has("ok", "O_DIRECT", direct)
for name in ".nodes", "../.status", "../.log", "../../.status":
    has("ENOTDIR", "below " + name, lambda: os.stat(name + "/x"))
    has("ENOTDIR", name + " as a directory", lambda: os.open(name, os.O_DIRECTORY))
    has("ok", "fsync of " + name, lambda: os.fsync(os.open(name, os.O_RDONLY)))
    has("EINVAL", "lseek before the beginning of " + name, lambda: os.lseek(os.open(name, os.O_RDONLY), -1, 0))
has(["a:80", "b:80"], "the nodes", lambda: sorted(n for n in os.listdir(".") if n[0] != "."))
PY
}
