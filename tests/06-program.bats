#!/usr/bin/env bats
# The program: its command line, going into the background, mount(8), the systemd protocol, what it refuses.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    umask 077
    mkdir mnt
    printf 'BALANCERS:\n  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}\n' >config.yaml
    PATH=$PATH:/sbin:/usr/sbin
}

# daemons: what runs for this test, whoever has started it.
daemons()
{
    local pid
    for pid in $(pgrep 'balancerf'); do
        ! grep -qzx "BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR" "/proc/$pid/environ" 2>/dev/null || echo "$pid"
    done
}

no_daemons()
{
    [ -z "$(daemons)" ]
}

mounted()
{
    grep -q " $BATS_TEST_TMPDIR/mnt fuse.balancerfs " /proc/self/mounts
}

# soon COMMAND...: it succeeds within twenty seconds.
soon()
{
    for ((i = 0; i < 400; i++)); do
        ! "$@" || return 0
        sleep 0.05
    done
    echo "not in time: $*"
    return 1
}

gone()
{
    ! kill -0 "$1" 2>/dev/null
}

teardown()
{
    local point pid
    ! grep -q " $BATS_TEST_TMPDIR/mnt " /proc/self/mounts || umount mnt || umount -l mnt
    for pid in $(daemons); do
        soon gone "$pid" || kill -9 "$pid"
    done
}

# refused STATUS TEXT ARGUMENT...: exactly this line, and nothing is left behind.
refused()
{
    local wanted=$1 text=$2
    shift 2
    run --separate-stderr "$BUILD/balancerfs" "$@"
    # shellcheck disable=SC2154  # from run
    assert_equal "$stderr" "$text"
    assert_equal "$status" "$wanted"
    assert_output ""
    assert_equal "$(daemons)" ""
}

@test "the command returns once the mount stands" {
    "$BUILD/balancerfs" "$PWD/config.yaml" "$PWD/mnt"
    assert_equal "$(ls mnt/web/app)" 10.0.0.1:80
    umount mnt
    soon no_daemons
}

@test "the daemon has nothing of its caller's" {
    exec 9>held
    # Were stdout kept open, this would wait for ever.
    run timeout 20 "$BUILD/balancerfs" config.yaml mnt
    assert_success
    assert_output ""
    pid=$(daemons)
    assert_equal "$(readlink "/proc/$pid/cwd")" /
    for fd in 0 1 2; do
        assert_equal "$(readlink "/proc/$pid/fd/$fd")" /dev/null
    done
    refute [ -e "/proc/$pid/fd/9" ]
    assert_equal "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
}

@test "no core dump, and as many descriptors as are allowed" {
    "$BUILD/balancerfs" config.yaml mnt
    pid=$(daemons)
    run cat "/proc/$pid/limits"
    assert_line --regexp '^Max core file size +0 +0 '
    assert_line --regexp '^Max open files +([0-9]+) +\1 '
    # What is not dumpable is root's, and no other user's debugger may have it.
    assert_equal "$(stat -c %U "/proc/$pid/environ")" root
}

# copies PID TEXT: how often it is in the memory of a process.
copies()
{
    python3 - "$@" <<'PY'
import sys

text, found = sys.argv[2].encode(), 0
with open(f"/proc/{sys.argv[1]}/maps") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as memory:
    for line in maps:
        span, rights = line.split()[:2]
        start, end = (int(x, 16) for x in span.split("-"))
        if "r" in rights and "[v" not in line:
            memory.seek(start)
            found += memory.read(end - start).count(text)
print(found)
PY
}

@test "a password is in memory once, and in no argument" {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    [ "${TEST_KIND:-plain}" = plain ] || skip "a sanitizer keeps what was freed"
    # Long, quoted, escaped and folded, so that the reader's own buffers grow over it.
    cat >config.yaml <<'YAML'
BALANCERS:
  a: {BACKEND: nginx, hosts: [127.0.0.1], password: first-secret-qzx}
  b: {BACKEND: nginx, hosts: [127.0.0.1], password: "second-secret-qzx \x41 that is longer than one would type by hand
      and goes over two lines"}
YAML
    "$BUILD/balancerfs" config.yaml mnt
    pid=$(daemons)
    assert_equal "$(copies "$pid" BALANCERFS_TEST_none)" 0
    assert_equal "$(copies "$pid" first-secret-qzx)" 1
    assert_equal "$(copies "$pid" second-secret-qzx)" 1
    echo '  c: {BACKEND: dummy}' >>config.yaml
    kill -HUP "$pid"
    soon test -d mnt/c
    assert_equal "$(copies "$pid" first-secret-qzx)" 1
    assert_equal "$(copies "$pid" second-secret-qzx)" 1
    run grep -c secret-qzx "/proc/$pid/cmdline" "/proc/$pid/environ" mnt/.status mnt/a/.status mnt/a/.log
    refute_output --regexp ':[1-9]'
}

@test "relative paths are those of where it was started" {
    mkdir sub
    (cd sub && "$BUILD/balancerfs" ../config.yaml ../mnt)
    assert_equal "$(ls mnt)" web
    grep -q "^$PWD/config.yaml $PWD/mnt " /proc/self/mounts
    printf 'BALANCERS: {shop: {BACKEND: dummy}}\n' >config.yaml
    kill -HUP "$(daemons)"
    soon test -d mnt/shop
}

@test "a bad mount point is refused" {
    refused 1 "balancerfs: mount point $PWD/nosuch: No such file or directory (mkdir it)" config.yaml "$PWD/nosuch"
    refused 1 "balancerfs: mount point $PWD/no/such: No such file or directory" config.yaml "$PWD/no/such"
    refused 1 "balancerfs: mount point $PWD/config.yaml: Not a directory" config.yaml config.yaml
    touch mnt/file
    refused 1 "balancerfs: mount point $PWD/mnt is not empty: what is there would be hidden" config.yaml mnt
    [ -e mnt/file ]
    run mounted
    assert_failure
}

@test "a mount point that has one already is refused" {
    "$BUILD/balancerfs" config.yaml mnt
    ln -s mnt link
    for point in mnt mnt/ ./mnt "$PWD/mnt" link; do
        run --separate-stderr "$BUILD/balancerfs" config.yaml "$point"
        assert_equal "$stderr" "balancerfs: $PWD/mnt: a balancerfs is already mounted there"
        assert_equal "$status" 1
    done
    assert_equal "$(daemons | wc -l)" 1
}

@test "what a killed one has left is mounted over" {
    "$BUILD/balancerfs" config.yaml mnt
    kill -9 "$(daemons)"
    soon no_daemons
    run ls mnt
    assert_failure
    run "$BUILD/balancerfs" config.yaml mnt
    assert_success
    assert_output "balancerfs: the balancerfs at $PWD/mnt had died: unmounted"
    assert_equal "$(ls mnt)" web
    assert_equal "$(grep -c " $PWD/mnt " /proc/self/mounts)" 1
}

@test "a killed one is mounted over while the kernel remembers its root" {
    "$BUILD/balancerfs" config.yaml mnt
    stat mnt
    kill -9 "$(daemons)"
    soon no_daemons
    run "$BUILD/balancerfs" config.yaml mnt
    assert_success
    assert_output "balancerfs: the balancerfs at $PWD/mnt had died: unmounted"
    assert_equal "$(ls mnt)" web
}

@test "a bad configuration is not mounted" {
    printf 'BALANCERS: {a: {BACKEND: dummy, fail: EFOO}, b: {BACKEND: dummy, latency: x}}\n' >config.yaml
    refused 2 "$PWD/config.yaml:1:39: fail must be the name of an errno: EFOO
$PWD/config.yaml:1:75: latency must be a time such as 200ms, 10s or 2m: x" config.yaml mnt
    run mounted
    assert_failure
}

@test "a bad command line" {
    more='(balancerfs --help tells more)'
    refused 2 "balancerfs: no configuration is named $more"
    refused 2 "balancerfs: no mount point is named $more" config.yaml
    refused 2 "balancerfs: one argument too many: third $more" config.yaml mnt third
    refused 2 "balancerfs: one argument too many: mnt $more" --check config.yaml mnt
    refused 2 "balancerfs: --check beside another such option $more" --probe --check config.yaml
    refused 2 "balancerfs: unknown option -x $more" -x config.yaml mnt
    refused 2 "balancerfs: unknown option --nosuch $more" --nosuch config.yaml mnt
    refused 2 "balancerfs: unknown option -o nosuch $more" -o nosuch config.yaml mnt
    refused 2 "balancerfs: unknown option -o remount $more" -o rw,remount config.yaml mnt
    refused 2 "balancerfs: option uid=root: not a number from 0 to 4294967294 $more" -o uid=root config.yaml mnt
    refused 2 "balancerfs: option gid=-1: not a number from 0 to 4294967294 $more" -o gid=-1 config.yaml mnt
    refused 2 "balancerfs: option umask=999: not an octal number from 0 to 777 $more" -o umask=999 config.yaml mnt
    refused 2 "balancerfs: option entry_timeout=soon: not a number of seconds $more" -o entry_timeout=soon config.yaml mnt
    refused 2 "balancerfs: option unlink=now: must be unlink=bounce or unlink=block $more" -o unlink=now config.yaml mnt
    refused 2 "$PWD/nosuch.yaml: No such file or directory" "$PWD/nosuch.yaml" mnt
    refused 2 "$PWD/mnt: is a directory, not a configuration" mnt mnt
}

@test "--help, --version" {
    for flag in --help -h; do
        run "$BUILD/balancerfs" $flag
        assert_success
        assert_line --index 0 --regexp '^usage: balancerfs '
    done
    for flag in --version -V; do
        run "$BUILD/balancerfs" $flag
        assert_success
        assert_output --regexp '^balancerfs [0-9]+\.[0-9]+\.[0-9]+$'
    done
    run "$BUILD/balancerfs" --help nosuch
    assert_failure 2
    assert_output --partial "unknown BACKEND nosuch: known are "
    run bash -c '"$0" --help >/dev/full' "$BUILD/balancerfs"
    assert_failure 1
}

@test "--probe prints a table, and fails when one of them fails" {
    printf 'BALANCERS:\n  web: {BACKEND: dummy}\n  long-name: {BACKEND: dummy, fail: EHOSTUNREACH, latency: 1ms}\n' >config.yaml
    run "$BUILD/balancerfs" --probe config.yaml
    assert_failure 1
    assert_output "BALANCER   HOST  STEP   RESULT  FOUND
web        -     pools  ok      in memory
long-name  -     pools  FAILED  dummy: get_pools fails as it was told to"
    run "$BUILD/balancerfs" --probe config.yaml web
    assert_success
    run "$BUILD/balancerfs" --probe config.yaml long-name web
    assert_failure 1
    assert_line --index 1 --partial long-name
    refused 2 "balancerfs: there is no balancer nosuch in $PWD/config.yaml" --probe config.yaml web nosuch
}

@test "--probe asks several at a time, and all of many" {
    { echo BALANCERS: && printf '  b%d: {BACKEND: dummy, latency: 500ms}\n' {1..40}; } >config.yaml
    run timeout 15 "$BUILD/balancerfs" --probe config.yaml
    assert_success
    assert_equal "$(grep -c ' ok ' <<<"$output")" 40
    assert_line --index 40 --regexp '^b40 '
}

@test "the options of the mount" {
    "$BUILD/balancerfs" -o allow_other,fsname=my,uid=1,gid=2,umask=027 config.yaml mnt
    grep -q "^my $PWD/mnt fuse.balancerfs .*default_permissions,allow_other" /proc/self/mounts
    assert_equal "$(stat -c '%u %g %a' mnt mnt/web mnt/web/app mnt/web/app/10.0.0.1:80 | sort -u)" "1 2 640
1 2 750"
    umount mnt
    "$BUILD/balancerfs" -o 'fsname=a\,b' config.yaml mnt
    grep -q "^a,b $PWD/mnt fuse.balancerfs " /proc/self/mounts
    run grep "$PWD/mnt .*default_permissions" /proc/self/mounts
    assert_failure
    umount mnt
    "$BUILD/balancerfs" -o ro config.yaml mnt
    run touch mnt/web/app/10.0.0.2:80
    assert_failure
    assert_output --partial "Read-only file system"
}

@test "-d and -o debug stay, and print what the kernel asks" {
    for option in -d -odebug; do
        "$BUILD/balancerfs" "$option" config.yaml mnt 2>said 3>&- &
        soon test -d mnt/web
        umount mnt
        wait $!
        grep -q "opcode: LOOKUP" said
    done
}

options=rw,allow_other,nofail,_netdev,noauto,x-systemd.automount,x-anything=1,relatime,user

# mount(8) looks for programs where they are installed: in a mount namespace of its own it is.
@test "by mount(8) and fstab, with options of other programs" {
    echo "$PWD/config.yaml $PWD/mnt fuse.balancerfs $options 0 0" >fstab
    cat >session <<'SESSION'
set -e
mount -t tmpfs none /usr/local/bin
ln -s "$BUILD/balancerfs" /usr/local/bin/
mount -t fuse.balancerfs -o "$1" "$PWD/config.yaml" "$PWD/mnt"
ls mnt
umount mnt
mount -T fstab "$PWD/mnt"
ls mnt/web
umount mnt
! mount -t fuse.balancerfs "$PWD/nosuch.yaml" "$PWD/mnt"
SESSION
    run unshare -m bash session "$options"
    assert_success
    assert_output "web
app
$PWD/nosuch.yaml: No such file or directory"
}

@test "options of other programs on the command line" {
    "$BUILD/balancerfs" -o $options config.yaml mnt
    mounted
}

@test "as a helper of mount(8)" {
    ln -s "$BUILD/balancerfs" mount.balancerfs
    ./mount.balancerfs "$PWD/config.yaml" "$PWD/mnt" -n -v -t fuse.balancerfs -o rw,noexec
    mounted
    umount mnt
    ./mount.balancerfs "$PWD/config.yaml" "$PWD/mnt" -f -o rw
    run mounted
    assert_failure
    run ./mount.balancerfs "$PWD/config.yaml" "$PWD/mnt" --check
    assert_failure 2
}

# In a mount namespace of its own, with a /dev/log that is read.
@test "in the background, changes and refusals go to syslog" {
    mkdir dev
    cat >session <<'SESSION'
set -e
mount -t tmpfs none dev
for device in fuse null zero urandom; do
    : >dev/$device
    mount --bind /dev/$device dev/$device
done
mount --move dev /dev
python3 -c '
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/dev/log")
open("told", "w").close()
while True:
    line = s.recv(4096)
    with open("told", "ab") as out:
        out.write(line + b"\n")
' &
listener=$!
for ((i = 0; i < 400; i++)); do [ ! -e told ] || break; sleep 0.05; done
"$BUILD/balancerfs" config.yaml mnt
touch mnt/web/app/10.0.0.2:80
! rmdir mnt/web/app 2>/dev/null
! touch mnt/web/app/10.0.0.3:http 2>/dev/null
umount mnt
for ((i = 0; i < 400; i++)); do ! grep -q 3:http told || break; sleep 0.05; done
kill $listener
SESSION
    run unshare -m bash session
    assert_success
    # daemon.notice and daemon.warning
    run sed 's/^\(<[0-9]*>\).*\(balancerfs\)\[[0-9]*\]: /\1\2 /' told
    assert_line --regexp '^<29>balancerfs web: [-0-9T:.]*Z uid=0 .*command=touch op=touch pool=app nodes=\+10.0.0.2:80 result=ok '
    assert_line --regexp '^<28>balancerfs web: [-0-9T:.]*Z uid=0 .*command=touch op=touch pool=app .*result=EINVAL .*port must be a number: 10.0.0.3:http'
}

# listen ADDRESS FILE: what is sent to a socket goes into the file, datagrams with a line of -- behind them.
listen()
{
    python3 -c '
import os, socket, sys
address, file = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0" + address[1:] if address[0] == "@" else address)
open(file, "w").close()
while True:
    with open(file, "ab") as out:
        data = s.recv(4096)
        out.write(data + b"--\n")
' "$1" "$2" 3>&- &
    listener=$!
    soon test -e "$2"
}

ready_again()
{
    [ "$(grep -c READY told)" -eq 2 ]
}

@test "systemd is told" {
    for address in "$PWD/socket" "@$BATS_TEST_TMPDIR/socket"; do
        rm -f told
        listen "$address" told
        NOTIFY_SOCKET=$address "$BUILD/balancerfs" -f config.yaml mnt 3>&- &
        daemon=$!
        soon grep -q READY told
        # Not before it could be used.
        mounted
        grep -qx "MAINPID=$daemon" told
        kill -HUP $daemon
        soon grep -q RELOADING told
        now=$(($(cut -d. -f1 /proc/uptime) * 1000000))
        then=$(sed -n 's/^MONOTONIC_USEC=//p' told)
        [ "$then" -gt $((now - 60000000)) ] && [ "$then" -lt $((now + 60000000)) ]
        soon ready_again
        kill -TERM $daemon
        soon grep -q STOPPING told
        wait $daemon
        kill $listener
        wait $listener || true
    done
}

@test "a socket that is none is no matter" {
    for address in "" / nosuch "$PWD/nosuch" "$(printf 'x%.0s' {1..200})"; do
        NOTIFY_SOCKET=$address "$BUILD/balancerfs" config.yaml mnt
        umount mnt
        soon no_daemons
    done
}
