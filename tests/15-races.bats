#!/usr/bin/env bats
# Changes that meet: of the same pool, of the same name, interrupted half-way, with a list, a reload, the end.
# shellcheck disable=SC2034,SC2154,SC2046,SC2094  # ttl is for meet.bash; the mount's variables; pids are words; the configuration is read once

load meet
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

# interrupted CMD...: its change runs to its end without it.
interrupted()
{
    local n pid
    n=$(applies)
    "$@" 2>/dev/null &
    pid=$!
    poll begun_since "$n"
    kill -TERM $pid 2>/dev/null || true
    wait $pid || true
}

# settled: nothing is on its way; what ls and stat say is what the balancer has.
settled()
{
    local name
    sync "$app/.nodes" || true
    sync "$app/.nodes"
    same_as_balancer
    for name in 10.7.0.{1..5}:80; do
        ! [ -e "$app/$name" ] || echo "$name"
    done >seen
    assert_equal "$(cat seen)" "$(balancer_has | grep '^10[.]7[.]')"
}

# races SEED WHAT -- KEY...
races()
{
    timeout 90 python3 "$BATS_TEST_DIRNAME/races/races.py" "$app" 3 "$@" </dev/null
    settled
    mount_stop
}

@test "a sync that waits for a change which is taken back is answered" {
    mounted 1s "commit_delay: 200ms"
    touch "$MNT/web/other/10.0.9.1:80"
    sleep 0.5
    touch "$app/10.0.0.4:80"
    sync "$app/.nodes" &
    waiting=$!
    sleep 0.2
    rm "$app/10.0.0.4:80"
    ended $waiting || { mount_kill && false; }
    wait $waiting
    sync "$app/.nodes"
    same_as_balancer
    mount_stop
}

@test "each of many that remove for more than a second is told that it did" {
    mounted 1100ms
    python3 -c 'for i in range(120): print(f"10.2.0.{i}:80")' >"$app/.nodes"
    for i in {0..59}; do
        (rm "$app/10.2.0.$i:80" && rm "$app/10.2.0.$((i + 60)):80") 2>>"$BATS_TEST_TMPDIR/said" &
    done
    wait $(jobs -p | grep -vx "$PID") || true
    run cat "$BATS_TEST_TMPDIR/said"
    assert_output ""
    assert_equal "$(ls "$app")" ""
    mount_stop
}

@test "what an interrupted change has done is seen" {
    mounted 800ms
    stat "$app/10.0.0.1:80" "$app/10.0.0.2:80" >/dev/null
    interrupted rm "$app/10.0.0.1:80"
    poll_log 'op=rm .*result=ok'
    assert_equal "$(errno 'os.stat(a[0])' "$app/10.0.0.1:80")" ENOENT
    assert_equal "$(errno 'os.stat(a[0])' "$app/10.0.0.7:80")" ENOENT
    interrupted mv "$app/10.0.0.2:80" "$app/10.0.0.7:80"
    poll_log 'op=mv .*result=ok'
    assert_equal "$(errno 'os.stat(a[0])' "$app/10.0.0.2:80")" ENOENT
    assert_equal "$(errno 'os.stat(a[0])' "$app/10.0.0.7:80")" ok
    assert_equal "$(errno 'os.stat(a[0])' "$MNT/web/new")" ENOENT
    interrupted mkdir "$MNT/web/new"
    poll_log 'op=mkdir .*result=ok'
    assert_equal "$(errno 'os.stat(a[0])' "$MNT/web/new")" ok
    interrupted rmdir "$MNT/web/new"
    poll_log 'op=rmdir .*result=ok'
    assert_equal "$(errno 'os.stat(a[0])' "$MNT/web/new")" ENOENT
    same_as_balancer
    mount_stop
}

@test "an interrupted mv and what comes after it" {
    mounted 800ms
    interrupted mv "$app/10.0.0.1:80" "$app/10.0.0.7:80"
    assert_equal "$(errno 'os.unlink(a[0])' "$app/10.0.0.1:80")" ENOENT
    same_as_balancer
    # A tool that is interrupted removes its temporary.
    touch "$app/.tmp1"
    interrupted mv "$app/.tmp1" "$app/10.0.0.8:80"
    rm -f "$app/.tmp1"
    poll_log 'op=mv .*10.0.0.8:80.*result=ok'
    same_as_balancer
    assert_equal "$(errno 'os.stat(a[0])' "$app/10.0.0.8:80")" ok
    # And one that tries again finds that it was done.
    touch "$app/.tmp2"
    interrupted mv "$app/.tmp2" "$app/10.0.0.6:80"
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$app/.tmp2" "$app/10.0.0.5:80")" ENOENT
    same_as_balancer
    mount_stop
}

@test "whoever waits for a change of somebody else does not take it back" {
    mounted 800ms
    touch "$MNT/web/other/10.0.9.1:80" &
    poll begun_since 0
    python3 -c 'import os, sys; os.mknod(sys.argv[1])' "$app/10.0.0.4:80"
    timeout 0.2 cat "$app/10.0.0.4:80" || true
    poll_log 'op=touch .*10.0.0.4:80.*result=ok'
    same_as_balancer
    wait $!
    mount_stop
}

@test "mv into a pool that others delete meanwhile makes it again, and its directory lives on" {
    mkfifo fifo
    printf '%s\n' 'app: ["10.0.0.1:80"]' 'list: []' 'other: []' >"$file"
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, file: $file, fail_file: $PWD/fifo, fail_calls: [apply], cache_ttl: 1h}
YAML
    ls -lR "$MNT" >/dev/null
    exec 8<"$MNT/web/other"
    # It hangs until the fifo is written to; then its outcome is unknown, and what is behind it sees a new listing.
    touch "$MNT/web/app/10.0.0.2:80" 2>/dev/null &
    poll says "changes_running: 1"
    mv "$MNT/web/app/10.0.0.1:80" "$MNT/web/other/" &
    moving=$!
    echo 10.0.0.3:80 >"$MNT/web/list/.nodes" &
    poll says "changes_queued: 2"
    printf '%s\n' 'app: ["10.0.0.1:80"]' 'list: []' >"$file"
    timeout 20 sh -c 'echo EIO >fifo'
    for ((i = 0; i < 100; i++)); do
        kill -0 $moving 2>/dev/null || break
        timeout 0.2 sh -c ': >fifo' || true
    done
    wait $moving
    assert_equal "$(ls /proc/self/fd/8/)" 10.0.0.1:80
    exec 8<&-
    wait $(jobs -p | grep -vx "$PID") || true
    assert_equal "$(ls "$MNT/web/list")" 10.0.0.3:80
    mount_stop
}

@test "mv onto a node that a list is just deleting" {
    mounted 1s
    echo 10.0.0.2:80 >"$app/.nodes" &
    poll begun_since 0
    mv "$app/10.0.0.2:80" "$app/10.0.0.1:80"
    wait $!
    assert_equal "$(balancer_has)" 10.0.0.1:80
    same_as_balancer
    mount_stop
}

@test "a list that comes out of a temporary directory" {
    mounted 0
    mkdir "$app/.partial"
    printf '10.0.1.1:80\n10.0.1.2:80\n' >"$app/.partial/list"
    mv "$app/.partial/list" "$app/.nodes"
    assert_equal "$(cat "$app/.nodes")" "10.0.1.1:80
10.0.1.2:80"
    echo 10.0.1.3:80 >>"$app/.nodes"
    assert_equal "$(ls "$app")" "10.0.1.1:80
10.0.1.2:80
10.0.1.3:80"
    rmdir "$app/.partial"
    same_as_balancer
    mount_stop
}

@test "without a cache, what changed before somebody asks is in the answer" {
    cat >driver <<SH
#!/bin/sh
case \$1 in
get_pools) echo app ;;
get_nodes) cat $file && sleep 0.7 ;;
esac
SH
    chmod +x driver
    echo 10.0.0.1:80 >"$file"
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: exec, command: [$PWD/driver], cache_ttl: 0}
YAML
    assert_equal "$(ls "$MNT/web/app")" 10.0.0.1:80
    # From inside, there is nothing to look up before the directory is opened.
    cd "$MNT/web/app"
    ls >/dev/null &
    sleep 0.3
    echo 10.0.0.2:443 >"$file"
    assert_equal "$(ls)" 10.0.0.2:443
    cd /
    wait $(jobs -p | grep -vx "$PID")
    mount_stop
}

@test "a reload and the end of the mount at once, while a change runs" {
    mounted 2s
    touch "$app/10.0.0.4:80" &
    poll begun_since 0
    echo 'BALANCERS: {two: {BACKEND: dummy}, three: {BACKEND: dummy}}' >"${MNT%/mnt}/config.yaml"
    kill -HUP "$PID"
    sleep 0.3
    umount -l "$MNT"
    wait $! || true
    mount_wait "$PID"
    grep -q 'apply app+10.0.0.4:80' "$log"
}

@test "sixteen at once on five names: a balancer that answers at once" {
    mounted 0
    races 1 signals
}

@test "sixteen at once on five names: lists, and 20 ms a change" {
    mounted 20ms
    races 2 lists signals
}

@test "sixteen at once on five names: changes that wait a little" {
    mounted 5ms "commit_delay: 30ms"
    races 3 lists signals
}

@test "sixteen at once on five names: without a cache" {
    ttl=0
    mounted 2ms
    races 4 lists signals
}
