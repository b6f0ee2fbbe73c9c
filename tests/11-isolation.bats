#!/usr/bin/env bats
# One that hangs holds up nobody else; what waits can be interrupted; nothing waits for ever; the mount ends well.
# shellcheck disable=SC2154,SC2046,SC2012  # the mount's variables; pids are words; names are plain

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

# One balancer that answers at once, and one that takes LATENCY for each call.
mounted()
{
    mount_start "${@:2}" <<YAML
BALANCERS:
  quick: {BACKEND: dummy, cache_ttl: 1h, pools: {app: ["10.0.0.1:80"]}}
  slow: {BACKEND: dummy, latency: $1, cache_ttl: 1h, log: $log, pools: {app: ["10.0.0.1:80"], two: []}}
YAML
}

# steered: as mounted, but each of slow's changes hangs until `answered` lets it go on.
steered()
{
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    mount_start <<YAML
BALANCERS:
  quick: {BACKEND: dummy, cache_ttl: 1h, pools: {app: ["10.0.0.1:80"]}}
  slow: {BACKEND: dummy, fail_file: $BATS_TEST_TMPDIR/fifo, fail_calls: [apply], cache_ttl: 1h, log: $log, pools: {app: ["10.0.0.1:80"]}}
YAML
    exec 9<>"$BATS_TEST_TMPDIR/fifo"
    ls "$MNT/slow/app" >/dev/null
}

# Whoever reads the line may have read a second one with it: so there is never one.
answered()
{
    local n
    n=$(grep -c '^apply' "$log" || true)
    echo >&9
    poll applies_since "$n"
}

applies_since()
{
    [ "$(grep -c '^apply' "$log")" -gt "$1" ]
}

says()
{
    grep -qx "$1" "$MNT/slow/.status"
}

# Long before slow answers.
quick_works()
{
    timeout 20 touch "$MNT/quick/app/10.0.0.2:80"
    timeout 20 rm "$MNT/quick/app/10.0.0.2:80"
    assert_equal "$(timeout 20 ls "$MNT/quick/app")" "10.0.0.1:80"
    assert_equal "$(timeout 20 ls "$MNT")" "quick
slow"
}

# state PID: R, S or D.
state()
{
    sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status"
}

sleeps()
{
    [ "$(state "$1")" = S ]
}

poll()
{
    local i
    for ((i = 0; i < 200; i++)); do
        ! "$@" || return 0
        sleep 0.05
    done
    echo "still not so: $*" >&2
    return 1
}

@test "a balancer that sleeps delays no other one, whatever waits for it" {
    mounted 10m
    pids=()
    for i in {1..40}; do
        ls "$MNT/slow/app" >/dev/null 2>&1 &
        pids+=($!)
        touch "$MNT/slow/app/10.1.0.$i:80" 2>/dev/null &
        pids+=($!)
    done
    sleep 0.3
    quick_works
    timeout 20 cat "$MNT/slow/.status" "$MNT/slow/.log" "$MNT/.status" >/dev/null
    kill -9 "${pids[@]}" 2>/dev/null
    wait "${pids[@]}" 2>/dev/null || true
    quick_works
    mount_kill
}

@test "a hung touch can be interrupted, and holds up nobody in its pool" {
    steered
    touch "$MNT/slow/app/10.0.0.2:80" &
    hung=$!
    poll says "changes_running: 1"
    # Others in the same pool: looking works, a second change waits and can be interrupted too.
    assert_equal "$(timeout 20 ls "$MNT/slow/app")" "10.0.0.1:80"
    timeout 20 stat "$MNT/slow/app/10.0.0.1:80" >/dev/null
    run timeout 20 stat "$MNT/slow/app/10.0.0.77:80"
    assert_failure 1
    run timeout -s INT 0.5 touch "$MNT/slow/app/10.0.0.3:80"
    assert_failure 124
    run timeout -s INT 0.5 rm "$MNT/slow/app/10.0.0.1:80"
    assert_failure 124
    kill -TERM $hung
    wait $hung || true
    answered
    # The running one is seen to its end and logged; what waited was withdrawn.
    poll grep -q 10.0.0.2:80 "$MNT/slow/.log"
    assert_equal "$(ls "$MNT/slow/app")" "10.0.0.1:80
10.0.0.2:80"
    run cat "$log"
    refute_output --partial 10.0.0.3:80
    refute_output --partial app-10.0.0.1:80
    mount_stop
}

@test "kill -9 of who waits works at once" {
    mounted 10m
    for what in "ls $MNT/slow/app" "touch $MNT/slow/app/10.0.0.2:80" "stat $MNT/slow/app/10.0.0.1:80"; do
        $what >/dev/null 2>&1 &
        pid=$!
        poll sleeps $pid
        sleep 0.1
        kill -9 $pid
        wait $pid 2>/dev/null || true
        quick_works
    done
    mount_kill
}

@test "after a failure the balancer answers at once for a while, and is then tried again" {
    fail=$BATS_TEST_TMPDIR/fail
    echo EHOSTUNREACH >"$fail"
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, fail_file: $fail, cache_ttl: 0, log: $log, pools: {app: ["10.0.0.1:80"]}}
YAML
    python3 - "$MNT/web" <<'PY'
import errno, os, sys
for _ in range(6):
    for do, path in (os.listdir, sys.argv[1]), (os.stat, sys.argv[1] + "/app/10.0.0.1:80"):
        try:
            do(path)
            raise SystemExit("no error")
        except OSError as e:
            assert e.errno == errno.EHOSTUNREACH, e
PY
    [ "$(grep -c get_pools "$log")" -le 2 ]
    rm "$fail"
    poll ls "$MNT/web/app"
    assert_equal "$(ls "$MNT/web/app")" "10.0.0.1:80"
    touch "$MNT/web/app/10.0.0.2:80"
    mount_stop
}

@test "all that wait get the answer of the one that failed" {
    fail=$BATS_TEST_TMPDIR/fail
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, latency: 500ms, fail_file: $fail, cache_ttl: 1h, log: $log, pools: {app: []}}
YAML
    ls "$MNT/web/app"
    echo ETIMEDOUT >"$fail"
    for i in {1..30}; do
        touch "$MNT/web/app/10.0.0.$i:80" 2>"$BATS_TEST_TMPDIR/said.$i" &
    done
    wait $(jobs -p | grep -vx "$PID") || true
    run grep -L 'Connection timed out' "$BATS_TEST_TMPDIR"/said.*
    assert_output ""
    [ "$(grep -c apply "$log")" -le 2 ]
    mount_stop
}

@test "an unreachable balancer never looks empty; serve_stale shows the last listing instead" {
    fail=$BATS_TEST_TMPDIR/fail
    mount_start <<YAML
BALANCERS:
  strict: {BACKEND: dummy, fail_file: $fail, cache_ttl: 0, pools: {app: ["10.0.0.1:80"]}}
  stale: {BACKEND: dummy, fail_file: $fail, cache_ttl: 0, serve_stale: 1h, pools: {app: ["10.0.0.1:80"]}}
YAML
    ls "$MNT/strict/app" "$MNT/stale/app" >/dev/null
    echo ECONNREFUSED >"$fail"
    run ls "$MNT/strict/app"
    assert_failure
    assert_output --partial "Connection refused"
    assert_equal "$(ls "$MNT/stale/app")" "10.0.0.1:80"
    run cat "$MNT/stale/.status"
    assert_output --partial "stale: true"
    assert_output --partial "state: down"
    mount_stop
}

@test "SIGTERM makes what was asked for, and ends" {
    steered
    (touch "$MNT/slow/app/10.0.0.2:80" && touch "$BATS_TEST_TMPDIR/first") &
    first=$!
    poll says "changes_running: 1"
    (touch "$MNT/slow/app/10.0.0.3:80" && touch "$BATS_TEST_TMPDIR/second") &
    second=$!
    poll says "changes_queued: 1"
    kill -TERM "$PID"
    answered
    answered
    wait $first $second || true
    mount_wait "$PID"
    run cat "$log"
    assert_output --partial "apply app+10.0.0.2:80
apply app+10.0.0.3:80"
    [ -e "$BATS_TEST_TMPDIR/first" ]
    [ -e "$BATS_TEST_TMPDIR/second" ]
    run grep " $MNT " /proc/self/mounts
    assert_failure
}

@test "unmounting while busy is refused; lazily, the daemon ends with the last one" {
    mounted 0
    cd "$MNT/quick/app"
    run umount "$MNT"
    assert_failure
    assert_output --partial busy
    quick_works
    umount -l "$MNT"
    kill -0 "$PID"
    cd /
    mount_wait "$PID"
}

@test "a pool that cannot be listed holds up no other one of its balancer, and no change" {
    cat >"$BATS_TEST_TMPDIR/driver" <<'SH'
#!/bin/sh
case $1 in
get_pools) printf 'bad\ngood\n' ;;
get_nodes)
    [ "$2" = good ] || { echo "EREMOTEIO no such table" >&2; exit 1; }
    echo 10.0.0.1:80
    ;;
apply) cat >/dev/null ;;
esac
SH
    chmod +x "$BATS_TEST_TMPDIR/driver"
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: exec, command: ["$BATS_TEST_TMPDIR/driver"]}
YAML
    for _ in 1 2; do
        assert_equal "$(errno 'os.listdir(a[0])' "$MNT/web/bad")" EREMOTEIO
        touch "$MNT/web/good/10.0.0.2:80"
        assert_equal "$(ls "$MNT/web/good")" "10.0.0.1:80
10.0.0.2:80"
    done
    grep "no such table" "$MNT/web/.status"
    mount_stop
}

@test "auto_unmount: killed, the mount goes with it" {
    mounted 0 -o auto_unmount
    ls "$MNT/quick/app"
    mount_kill_only
    poll not_mounted
}

mount_kill_only()
{
    kill -9 "$PID"
    wait "$PID" || true
    rm "${MNT%/mnt}/pid"
}

not_mounted()
{
    ! grep -q " $MNT " /proc/self/mounts
}

@test "no thread for the worker: told at once, and it works when there is room" {
    [ "${TEST_KIND:-plain}" = plain ] || skip "sanitizers and valgrind want more address space than a limit can leave"
    mounted 0
    timeout 20 ls "$MNT/quick/app" >/dev/null
    size=$(sed -n 's/^VmSize:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$PID/status")
    prlimit --pid "$PID" --as=$(((size + 1024) * 1024)):unlimited
    run timeout 20 ls "$MNT/slow/app"
    assert_failure 2
    assert_output --partial "Resource temporarily unavailable"
    timeout 20 cat "$MNT/slow/.status" | grep "out of threads"
    quick_works
    prlimit --pid "$PID" --as=unlimited:unlimited
    assert_equal "$(timeout 20 ls "$MNT/slow/app")" 10.0.0.1:80
    timeout 20 touch "$MNT/slow/app/10.0.0.2:80"
    mount_stop
}

@test "200 balancers that do not answer: mounted at once, no storm of threads, a live one beside them" {
    {
        echo "BALANCERS:"
        for i in {1..200}; do
            echo "  dead$i: {BACKEND: dummy, latency: 10m, fail: EHOSTUNREACH}"
        done
        echo "  live: {BACKEND: dummy, pools: {app: ['10.0.0.1:80']}}"
    } >"$BATS_TEST_TMPDIR/many.yaml"
    mount_start <"$BATS_TEST_TMPDIR/many.yaml"
    [ "$(ls "/proc/$PID/task" | wc -l)" -le 8 ]
    assert_equal "$(ls "$MNT" | wc -l)" 201
    for i in {1..50}; do
        ls "$MNT/dead$i" >/dev/null 2>&1 &
    done
    sleep 0.3
    assert_equal "$(timeout 20 ls "$MNT/live/app")" "10.0.0.1:80"
    timeout 20 touch "$MNT/live/app/10.0.0.2:80"
    timeout 20 cat "$MNT/.status" >/dev/null
    [ "$(ls "/proc/$PID/task" | wc -l)" -le 70 ]
    kill $(jobs -p | grep -vx "$PID") 2>/dev/null
    mount_kill
}
