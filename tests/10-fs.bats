#!/usr/bin/env bats
# The tree on the dummy driver: what each system call does, what it answers, and what reaches the balancer.
# shellcheck disable=SC2016,SC2154,SC2046,SC2012  # expanded elsewhere; the mount's variables; pids are words; names are plain

load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    log=$BATS_TEST_TMPDIR/log
}

teardown()
{
    cd /
    mount_stop_all
}

mounted()
{
    mount_start "$@" <<YAML
BALANCERS:
  web:
    BACKEND: dummy
    log: $log
    cache_ttl: 1h
    pools:
      app: ["10.0.0.1:8080", "10.0.0.2:8080"]
      spare: []
  other:
    BACKEND: dummy
    pools: {app: ["10.0.0.9:9"]}
YAML
}

names()
{
    (cd "$1" && echo *)
}

@test "the tree: balancers, pools, nodes, in files and directories" {
    mounted
    assert_equal "$(names "$MNT")" "other web"
    assert_equal "$(names "$MNT/web")" "app spare"
    assert_equal "$(names "$MNT/web/app")" "10.0.0.1:8080 10.0.0.2:8080"
    assert_equal "$(names "$MNT/web/spare")" "*"
    assert_equal "$(stat -c '%F %a %s %h' "$MNT/web/app/10.0.0.1:8080")" "regular empty file 644 0 1"
    assert_equal "$(stat -c '%F %a %h' "$MNT/web" "$MNT/web/app" "$MNT")" "$(printf 'directory 755 %s\n' 4 2 4)"
    assert_equal "$(find "$MNT/web" -type f | wc -l) $(find "$MNT/web" -type d | wc -l)" "2 3"
    run ls "$MNT/nothing"
    assert_output --partial "No such file or directory"
    run ls "$MNT/web/nothing" "$MNT/web/app/10.0.0.3:8080"
    assert_output --partial "No such file or directory"
    mount_stop
}

@test "touch adds, rm deletes, and the balancer hears of nothing else" {
    mounted
    ls "$MNT/web/app"
    calls
    touch "$MNT/web/app/10.0.0.3:80"
    assert_equal "$(names "$MNT/web/app")" "10.0.0.1:8080 10.0.0.2:8080 10.0.0.3:80"
    assert_equal "$(calls)" "apply app+10.0.0.3:80"
    touch "$MNT/web/app/10.0.0.3:80" "$MNT/web/app/10.0.0.1:8080"
    : >"$MNT/web/app/10.0.0.3:80"
    assert_equal "$(calls)" ""
    rm "$MNT/web/app/10.0.0.1:8080"
    assert_equal "$(names "$MNT/web/app")" "10.0.0.2:8080 10.0.0.3:80"
    assert_equal "$(calls)" "apply app-10.0.0.1:8080"
    run rm "$MNT/web/app/10.0.0.1:8080"
    assert_failure
    rm -f "$MNT/web/app/10.0.0.1:8080"
    (cd "$MNT/web/app" && rm 10.0.0.2:8080)
    assert_equal "$(calls)" "apply app-10.0.0.2:8080"
    mount_stop
}

@test "open with O_EXCL, one of two creators wins; O_TMPFILE, links and devices are refused" {
    mounted
    assert_equal "$(errno 'os.open(a[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY)' "$MNT/web/app/10.0.0.1:8080")" EEXIST
    assert_equal "$(errno 'os.open(a[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY)' "$MNT/web/app/10.0.0.5:80")" ok
    assert_equal "$(errno 'os.open(a[0], os.O_TMPFILE | os.O_RDWR)' "$MNT/web/app")" ENOTSUP
    assert_equal "$(errno 'os.link(a[0] + "/10.0.0.1:8080", a[0] + "/10.0.0.6:80")' "$MNT/web/app")" EPERM
    assert_equal "$(errno 'os.symlink("x", a[0])' "$MNT/web/app/10.0.0.6:80")" EPERM
    assert_equal "$(errno 'os.mkfifo(a[0])' "$MNT/web/app/10.0.0.6:80")" EPERM
    assert_equal "$(errno 'os.mknod(a[0], 0o020600, os.makedev(1, 3))' "$MNT/web/app/10.0.0.6:80")" EPERM
    assert_equal "$(errno 'os.posix_fallocate(os.open(a[0], os.O_RDWR), 0, 100)' "$MNT/web/app/10.0.0.1:8080")" EPERM
    mount_stop
}

@test "names that are refused, at each level" {
    mounted
    for name in 10.0.0.1:99999 host: :80 host:http web1 1.2.3.4:080 unix:80 a_b:80 '[::1]' '[0::1]:80' x:80:80; do
        assert_equal "$name $(errno 'os.close(os.open(a[0], os.O_CREAT | os.O_WRONLY))' "$MNT/web/app/$name")" "$name EINVAL"
    done
    for name in -x _x .x 'a b' "$(printf 'x%.0s' {1..64})"; do
        assert_equal "$name $(errno 'os.mkdir(a[0])' "$MNT/web/$name")" "$name EINVAL"
    done
    assert_equal "$(errno 'os.mkdir(a[0])' "$MNT/new")" EPERM
    assert_equal "$(errno 'os.open(a[0], os.O_CREAT | os.O_WRONLY)' "$MNT/file")" EPERM
    assert_equal "$(errno 'os.open(a[0], os.O_CREAT | os.O_WRONLY)' "$MNT/web/file")" EPERM
    assert_equal "$(errno 'os.mkdir(a[0])' "$MNT/web/app/sub")" EPERM
    assert_equal "$(errno 'os.rmdir(a[0])' "$MNT/web")" EPERM
    assert_equal "$(errno 'os.mkdir(a[0])' "$MNT/web/app")" EEXIST
    # rm -f must not take a refusal for "was not there".
    assert_equal "$(errno 'os.unlink(a[0])' "$MNT/web/.status")" EPERM
    assert_equal "$(errno 'os.unlink(a[0])' "$MNT/web/app")" EISDIR
    assert_equal "$(grep -c apply "$log" || true)" 0
    run tail -n 1 "$MNT/web/.log"
    assert_output --partial EINVAL
    mount_stop
}

@test "mkdir and rmdir are pools of the balancer" {
    mounted
    mkdir "$MNT/web/new"
    touch "$MNT/web/new/10.1.1.1:1"
    assert_equal "$(errno 'os.rmdir(a[0])' "$MNT/web/new")" ENOTEMPTY
    rm "$MNT/web/new/10.1.1.1:1"
    rmdir "$MNT/web/new"
    assert_equal "$(names "$MNT/web")" "app spare"
    mkdir -p "$MNT/web/spare"
    assert_equal "$(grep apply "$log")" "apply mkdir:new
apply new+10.1.1.1:1
apply new-10.1.1.1:1
apply rmdir:new"
    mount_stop
}

@test "mv of a node is one transaction, within a pool and between two" {
    mounted
    ls "$MNT/web/app" >/dev/null
    calls
    inode=$(stat -c %i "$MNT/web/app/10.0.0.1:8080")
    mv "$MNT/web/app/10.0.0.1:8080" "$MNT/web/app/10.0.0.3:80"
    assert_equal "$(calls)" "apply app+10.0.0.3:80 app-10.0.0.1:8080"
    assert_equal "$(stat -c %i "$MNT/web/app/10.0.0.3:80")" "$inode"
    mv "$MNT/web/app/10.0.0.3:80" "$MNT/web/spare/"
    assert_equal "$(calls)" "apply spare+10.0.0.3:80 app-10.0.0.3:80"
    assert_equal "$(names "$MNT/web/app") $(names "$MNT/web/spare")" "10.0.0.2:8080 10.0.0.3:80"
    # Onto one that is there: it is added all the same, since others may delete it meanwhile.
    mv -f "$MNT/web/spare/10.0.0.3:80" "$MNT/web/app/10.0.0.2:8080"
    assert_equal "$(calls)" "apply app+10.0.0.2:8080 spare-10.0.0.3:80"
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$MNT/web/app/10.0.0.2:8080" "$MNT/web/app/nonsense")" EINVAL
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$MNT/web/app/10.0.0.7:1" "$MNT/web/app/10.0.0.8:1")" ENOENT
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$MNT/web/app/10.0.0.2:8080" "$MNT/other/app/10.0.0.2:8080")" EXDEV
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$MNT/web/spare" "$MNT/other/spare")" EPERM
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$MNT/web/spare" "$MNT/web/moved")" EPERM
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$MNT/web" "$MNT/moved")" EPERM
    assert_equal "$(calls)" ""
    # Between balancers mv copies and removes: it is there before it is gone here.
    mv "$MNT/web/app/10.0.0.2:8080" "$MNT/other/app/"
    assert_equal "$(names "$MNT/other/app")" "10.0.0.2:8080 10.0.0.9:9"
    assert_equal "$(names "$MNT/web/app")" "*"
    mount_stop
}

@test "a node that is open can be removed; its text can still be read" {
    mounted
    echo note >"$MNT/web/app/10.0.0.1:8080"
    exec 5<"$MNT/web/app/10.0.0.1:8080"
    rm "$MNT/web/app/10.0.0.1:8080"
    assert_equal "$(names "$MNT/web/app")" "10.0.0.2:8080"
    assert_equal "$(cat <&5)" note
    exec 5<&-
    mount_stop
}

@test "attributes are remembered and sent nowhere" {
    mounted
    node=$MNT/web/app/10.0.0.1:8080
    touch -d '2020-01-02 03:04:05.123456789 UTC' "$node"
    chmod 600 "$node"
    chown 12:34 "$node"
    echo "a note" >"$MNT/web/app/10.0.0.2:8080"
    assert_equal "$(TZ=UTC stat -c '%y %a %u %g' "$node")" "2020-01-02 03:04:05.123456789 +0000 600 12 34"
    assert_equal "$(cat "$MNT/web/app/10.0.0.2:8080")" "a note"
    assert_equal "$(errno 'os.write(os.open(a[0], os.O_WRONLY), b"x" * 4097)' "$node")" EFBIG
    assert_equal "$(errno 'os.truncate(a[0], 5000)' "$node")" EFBIG
    head -c 4096 /dev/zero >"$node"
    assert_equal "$(stat -c %s "$node")" 4096
    chmod 700 "$MNT/web/app"
    assert_equal "$(stat -c %a "$MNT/web/app")" 700
    assert_equal "$(grep -c apply "$log")" 0
    cp -a "$MNT/web/app/." "$BATS_TEST_TMPDIR/copy"
    assert_equal "$(stat -c '%a %u %g' "$BATS_TEST_TMPDIR/copy/10.0.0.1:8080")" "600 12 34"
    assert_equal "$(getfattr --only-values -n user.balancerfs.hosts "$node" 2>&1 | tail -n 1)" "$node: user.balancerfs.hosts: No such attribute"
    assert_equal "$(errno 'os.setxattr(a[0], "user.x", b"y")' "$node")" ENOTSUP
    mount_stop
}

@test "df and stat -f tell how many nodes there are" {
    mounted
    ls "$MNT/web" "$MNT/other" >/dev/null
    run stat -f -c '%c %d %l' "$MNT"
    read -r files free namelen <<<"$output"
    assert_equal "$((files - free)) $namelen" "3 259"
    run df --output=iused "$MNT"
    assert_line --regexp '^ *3$'
    mount_stop
}

@test "10,000 nodes: rm -rf, find -delete and one pass of reading while removing leave none" {
    mounted
    for way in 'rm -rf "$1"' 'find "$1" -mindepth 1 -delete; rmdir "$1"' 'python3 -c "
import os, sys
with os.scandir(sys.argv[1]) as d:
    for e in d: os.unlink(e.path)
os.rmdir(sys.argv[1])" "$1"'; do
        mkdir "$MNT/web/big"
        seq 0 9999 | awk '{ print "10.1." int($1 / 256) "." $1 % 256 ":80" }' >"$MNT/web/big/.nodes"
        assert_equal "$(find "$MNT/web/big" -type f | wc -l)" 10000
        sh -c "$way" way "$MNT/web/big"
        [ ! -e "$MNT/web/big" ]
    done
    mount_stop
}

# The balancer, which reads a line for each transaction, gets none until all are there.
all_there()
{
    local i
    for ((i = 0; i < 400; i++)); do
        ! asked_for 32 || break
        sleep 0.05
    done
    asked_for 32
    for ((i = 0; i < 400; i++)); do
        ! asked_for 0 || return 0
        echo
        sleep 0.05
    done 1<>fifo
    return 1
}

@test "32 at once in one pool are a few transactions, in both directions" {
    mkfifo fifo
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, fail_file: $PWD/fifo, fail_calls: [apply], log: $log, pools: {app: []}}
YAML
    for i in {1..32}; do touch "$MNT/web/app/10.0.0.$i:80" & done
    all_there
    wait $(jobs -p | grep -vx "$PID")
    assert_equal "$(ls "$MNT/web/app" | wc -l)" 32
    [ "$(calls | grep -c apply)" -le 3 ]
    for i in {1..32}; do rm "$MNT/web/app/10.0.0.$i:80" & done
    all_there
    wait $(jobs -p | grep -vx "$PID")
    assert_equal "$(names "$MNT/web/app")" "*"
    [ "$(calls | grep -c apply)" -le 3 ]
    mount_stop
}

@test "one that is refused among many: only the guilty one fails" {
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, latency: 200ms, log: $log, refuse: ["10.0.0.7:80"], pools: {app: []}}
YAML
    for i in {1..12}; do
        (touch "$MNT/web/app/10.0.0.$i:80" 2>"$BATS_TEST_TMPDIR/said.$i" && touch "$BATS_TEST_TMPDIR/ok.$i") &
    done
    wait $(jobs -p | grep -vx "$PID")
    assert_equal "$(ls "$MNT/web/app" | wc -l)" 11
    [ ! -e "$BATS_TEST_TMPDIR/ok.7" ]
    assert_equal "$(ls "$BATS_TEST_TMPDIR"/ok.* | wc -l)" 11
    run cat "$BATS_TEST_TMPDIR/said.7"
    assert_output --partial "Remote I/O error"
    run grep -c EREMOTEIO "$MNT/web/.log"
    assert_output 1
    mount_stop
}

@test "a driver's error is the system call's, and a failed add was never there" {
    fail=$BATS_TEST_TMPDIR/fail
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, fail_file: $fail, fail_calls: [apply], log: $log, pools: {app: ["10.0.0.1:80"], empty: []}}
YAML
    ls "$MNT/web/app" >/dev/null
    for num in EREMOTEIO EACCES EBUSY ENOSPC EROFS EIO EHOSTUNREACH; do
        echo $num >"$fail"
        assert_equal "$(errno 'os.close(os.open(a[0], os.O_CREAT | os.O_WRONLY))' "$MNT/web/app/10.0.0.2:80")" $num
        assert_equal "$(errno 'os.unlink(a[0])' "$MNT/web/app/10.0.0.1:80")" $num
        assert_equal "$(errno 'os.mkdir(a[0])' "$MNT/web/new")" $num
        assert_equal "$(errno 'os.rmdir(a[0])' "$MNT/web/empty")" $num
        assert_equal "$(errno 'os.rename(a[0] + "/10.0.0.1:80", a[0] + "/10.0.0.3:80")' "$MNT/web/app")" $num
        assert_equal "$(names "$MNT/web/app") $(names "$MNT/web")" "10.0.0.1:80 app empty"
        run touch "$MNT/web/app/10.0.0.2:80"
        assert_failure
        run rm -f "$MNT/web/app/10.0.0.1:80"
        assert_failure
    done
    run cat "$MNT/web/.status"
    assert_output --partial "last_errno: EHOSTUNREACH"
    # What rm -f would take for "was not there" is not passed on.
    sleep 3
    for num in EINVAL ENOENT ENOTDIR; do
        echo $num >"$fail"
        assert_equal "$(errno 'os.unlink(a[0])' "$MNT/web/app/10.0.0.1:80")" EREMOTEIO
        assert_equal "$(errno 'os.rmdir(a[0])' "$MNT/web/empty")" EREMOTEIO
    done
    assert_equal "$(getfattr --only-values -n user.balancerfs.error "$MNT/web/app")" "dummy: apply fails as it was told to"
    mount_stop
}

@test "what others change is seen once the listing is old; touch puts back what was lost meanwhile" {
    kept=$BATS_TEST_TMPDIR/kept.yaml
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, file: $kept, cache_ttl: 100ms, log: $log, pools: {app: ["10.0.0.1:80", "10.0.0.2:80"]}}
YAML
    touch "$MNT/web/app/10.0.0.3:80"
    assert_equal "$(names "$MNT/web/app")" "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80"
    printf 'app: ["10.0.0.2:80"]\nnew: []\n' >"$kept"
    sleep 0.2
    [ ! -e "$MNT/web/app/10.0.0.1:80" ]
    [ -d "$MNT/web/new" ]
    assert_equal "$(names "$MNT/web/app")" "10.0.0.2:80"
    stat "$MNT/web/app/10.0.0.2:80" >/dev/null
    printf 'app: []\n' >"$kept"
    sleep 0.2
    touch "$MNT/web/app/10.0.0.2:80"
    run cat "$kept"
    assert_output --partial "10.0.0.2:80"
    [ ! -e "$MNT/web/new" ]
    mount_stop
}

@test "auto_pools: any pool can be entered, and its first node makes it" {
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, auto_pools: true, log: $log}
YAML
    assert_equal "$(names "$MNT/web/fresh")" "*"
    assert_equal "$(names "$MNT/web")" "*"
    touch "$MNT/web/fresh/10.0.0.1:80"
    assert_equal "$(names "$MNT/web")" "fresh"
    assert_equal "$(grep apply "$log")" "apply fresh+10.0.0.1:80"
    mount_stop
}

@test "auto_pools: a name that the kernel has forgotten costs nothing any more" {
    mount_start <<'YAML'
BALANCERS:
  web: {BACKEND: dummy, auto_pools: true, cache_ttl: 1h}
YAML
    python3 - "$MNT" <<'PY'
import ctypes, os, sys, time
mnt = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
MS_REMOUNT = 32

# The kernel forgets what it does not use when a file system is mounted anew.
def forget():
    assert libc.mount(b"none", mnt.encode(), b"fuse", MS_REMOUNT, None) == 0, os.strerror(ctypes.get_errno())

def enter(what, n):
    return max(os.stat("%s/web/%s%d" % (mnt, what, i)).st_ino for i in range(n))

highest = enter("a", 300)
kept = os.open(mnt + "/web/kept", os.O_RDONLY | os.O_DIRECTORY)
for i in range(5):
    forget()
    for attempt in range(100):
        if enter("b%d.%d." % (i, attempt), 1) <= highest:
            break
        time.sleep(0.05)
    assert enter("c%d." % i, 150) <= highest + 100, "inodes are not used again"
os.close(os.open("10.0.0.1:80", os.O_CREAT | os.O_WRONLY, dir_fd=kept))
assert os.listdir(mnt + "/web") == ["kept"]
assert os.listdir(mnt + "/web/kept") == ["10.0.0.1:80"]
PY
    mount_stop
}

@test "a node that came in by another way after the kernel found none is there" {
    kept=$BATS_TEST_TMPDIR/kept.yaml fail=$BATS_TEST_TMPDIR/fail
    printf 'app: []\n' >"$kept"
    mount_start -d <<YAML
BALANCERS:
  web: {BACKEND: dummy, file: $kept, fail_file: $fail, fail_calls: [apply], cache_ttl: 1h, log: $log}
YAML
    [ ! -e "$MNT/web/app/10.0.0.1:80" ]
    [ ! -e "$MNT/web/app/10.0.0.2:80" ]
    # What is unknown makes the pools be read again, and the kernel does not hear of it.
    echo 'app: ["10.0.0.1:80", "10.0.0.2:80"]' >"$kept"
    echo EIO >"$fail"
    run touch "$MNT/web/app/10.0.0.9:80"
    assert_failure
    rm "$fail"
    assert_equal "$(cat "$MNT/web/app/.nodes")" "10.0.0.1:80
10.0.0.2:80"
    touch "$MNT/web/app/10.0.0.1:80"
    # Only the kernel knows of O_EXCL: it is told to look again.
    grep -A1 "opcode: MKNOD" "$ERR" | tail -n 1 | grep -q "Stale file handle"
    assert_equal "$(errno 'os.open(a[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY)' "$MNT/web/app/10.0.0.2:80")" EEXIST
    mount_stop
}

@test "-o ro and read_only: nothing can be changed, all can be read" {
    mounted -o ro
    assert_equal "$(errno 'os.open(a[0], os.O_CREAT | os.O_WRONLY)' "$MNT/web/app/10.0.0.3:80")" EROFS
    assert_equal "$(errno 'os.unlink(a[0])' "$MNT/web/app/10.0.0.1:8080")" EROFS
    assert_equal "$(names "$MNT/web/app")" "10.0.0.1:8080 10.0.0.2:8080"
    mount_stop
    assert_equal "$(grep -c apply "$log")" 0
}

@test "odd ways to use a file have a defined answer" {
    mounted
    node=$MNT/web/app/10.0.0.1:8080
    assert_equal "$(errno 'os.pwrite(os.open(a[0], os.O_WRONLY), b"x", -1)' "$node")" EINVAL
    assert_equal "$(errno 'os.lseek(os.open(a[0], os.O_RDONLY), -1, 0)' "$node")" EINVAL
    assert_equal "$(errno 'os.pwrite(os.open(a[0], os.O_WRONLY), b"x", 4095)' "$node")" ok
    assert_equal "$(stat -c %s "$node")" 4096
    assert_equal "$(errno 'import mmap; mmap.mmap(os.open(a[0], os.O_RDWR), 4096)[0:1]' "$node")" ok
    assert_equal "$(errno 'import fcntl; fcntl.flock(os.open(a[0], os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)' "$node")" ok
    assert_equal "$(errno 'import fcntl; fcntl.lockf(os.open(a[0], os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)' "$node")" ok
    assert_equal "$(errno 'os.fsync(os.open(a[0], os.O_RDWR))' "$node")" ok
    assert_equal "$(errno 'os.fsync(os.open(a[0], os.O_RDONLY))' "$MNT/web/app")" ok
    assert_equal "$(errno 'os.rmdir(a[0])' "$node")" ENOTDIR
    assert_equal "$(errno 'os.open(a[0], os.O_RDONLY | os.O_DIRECTORY)' "$node")" ENOTDIR
    assert_equal "$(names "$MNT/web/app/../../web/spare/../app/")" "10.0.0.1:8080 10.0.0.2:8080"
    setfacl -m u:1:r "$node" 2>&1 | grep -q "not supported"
    name="[2001:db8::1]:8080"
    touch "$MNT/web/app/$name"
    [ -e "$MNT/web/app/$name" ]
    rm "$MNT/web/app/$name"
    long=$(printf 'a%.0s' {1..63}).$(printf 'b%.0s' {1..63}).$(printf 'c%.0s' {1..63}).$(printf 'd%.0s' {1..61}):65535
    assert_equal "$(errno 'os.close(os.open(a[0], os.O_CREAT | os.O_WRONLY))' "$MNT/web/spare/$long")" ok
    assert_equal "$(names "$MNT/web/spare")" "$long"
    mount_stop
}
