#!/usr/bin/env bats
# Nothing waits for ever, though a driver does not come back; and nobody is woken while nobody waits.
# shellcheck disable=SC2154,SC2046  # the mount's variables; pids are words

bats_require_minimum_version 1.5.0
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
}

teardown()
{
    cd /
    mount_stop_all
}

# A dummy that finds a fifo where its file was hangs in its next call, until somebody writes into it.
hang()
{
    cp "$1" "$1.saved"
    rm "$1"
    mkfifo "$1"
}

release()
{
    timeout 10 cp "$1.saved" "$1"
}

# try NAME CMD...: in the background, bounded; what it says and its status in files.
try()
{
    local name=$1
    shift
    (
        status=0
        timeout -k 1 60 "$@" >"said.$name" 2>&1 || status=$?
        echo $status >"status.$name"
    ) &
}

poll()
{
    local i
    for ((i = 0; i < 200; i++)); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    echo "still not so: $*" >&2
    return 1
}

@test "a driver that hangs: all that wait get ETIMEDOUT, what waits is taken back, what runs is seen to its end" {
    mount_start <<'YAML'
BALANCERS:
  change: {BACKEND: dummy, file: change.yaml, timeout: 100ms, cache_ttl: 1h, pools: {app: ["a:80", "b:80"], empty: []}}
  list: {BACKEND: dummy, file: list.yaml, timeout: 100ms, cache_ttl: 0, pools: {app: ["a:80"]}}
  well: {BACKEND: dummy, timeout: 100ms, cache_ttl: 0, pools: {app: ["a:80"]}}
YAML
    app=$MNT/change/app
    touch "$app/c:80" "$MNT/list/app/c:80"
    hang change.yaml
    hang list.yaml
    try running touch "$app/running:80"
    try ls ls "$MNT/list"
    try stat stat "$MNT/list/app/a:80"
    try open cat "$MNT/list/app/.nodes"
    poll grep -q "changes_running: 1" "$MNT/change/.status"
    try touch touch "$app/touch:80"
    try again touch "$app/running:80"
    try rm rm "$app/a:80"
    try mkdir mkdir "$MNT/change/new"
    try rmdir rmdir "$MNT/change/empty"
    try mv mv "$app/b:80" "$app/mv:80"
    try nodes cp <(echo z:80) "$app/.nodes"
    timeout 5 ls "$MNT/well/app" >/dev/null
    timeout 5 touch "$MNT/well/app/b:80"
    wait $(jobs -p | grep -vx "$PID")
    # Whoever comes now is not kept waiting again.
    run timeout 5 touch "$app/late:80"
    assert_output --partial "Connection timed out"
    for name in running ls stat open touch again rm mkdir rmdir mv nodes; do
        [[ $(cat "status.$name" "said.$name") == [12]*"Connection timed out"* ]] || {
            echo "$name: $(cat "status.$name" "said.$name")"
            return 1
        }
    done
    run cat "$MNT/change/.log"
    assert_output --partial "op=touch pool=app nodes=+touch:80 result=ETIMEDOUT"
    assert_output --partial "op=rm pool=app nodes=-a:80 result=ETIMEDOUT"
    assert_output --partial "change: no answer for 10 s (twice the timeout and 10 s)"
    refute_output --partial running:80
    run cat "$MNT/list/.status"
    assert_output --partial "last_errno: ETIMEDOUT"
    # The driver comes back.
    release change.yaml
    poll grep -q 'nodes=+running:80 result=ok' "$MNT/change/.log"
    assert_equal "$(cd "$app" && echo *) $(cd "$MNT/change" && echo *)" "a:80 b:80 c:80 running:80 app empty"
    touch "$app/d:80"
    rm "$app/a:80"
    run cat change.yaml
    refute_output --partial touch:80
    # The other one does not: the daemon ends all the same.
    kill "$PID"
    mount_wait "$PID"
    rm "${MNT%/mnt}/pid"
    run cat "$ERR"
    assert_output --partial "list: driver dummy does not come back: it is left behind"
    run grep " $MNT " /proc/self/mounts
    assert_failure
}

switches()
{
    cat /proc/"$1"/task/*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'
}

@test "while nobody asks, nothing in the daemon wakes up" {
    [ "${TEST_KIND:-plain}" != tsan ] || skip "the sanitizer has a thread that does"
    mount_start <<'YAML'
BALANCERS:
  web: {BACKEND: dummy, timeout: 100ms, cache_ttl: 100ms, pools: {app: ["a:80"]}}
YAML
    for i in 1 2 3; do
        touch "$MNT/web/app/b:80"
        rm "$MNT/web/app/b:80"
    done
    sleep 1
    before=$(switches "$PID")
    sleep 3
    # One is what a watch that was set for the last change may cost.
    [ $(($(switches "$PID") - before)) -le 2 ]
    mount_stop
}
