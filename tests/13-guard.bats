#!/usr/bin/env bats
# Guard rails: what may be removed and how much of it in a time, however it is done and whoever does it at once.
# shellcheck disable=SC2154,SC2046  # the mount's variables; pids are words

bats_require_minimum_version 1.5.0
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    log=$BATS_TEST_TMPDIR/log
    fail=$BATS_TEST_TMPDIR/fail
}

teardown()
{
    cd /
    mount_stop_all
}

# guarded N KEY... mounts a balancer of N nodes 10.0.0.1:80... in app, one in spare, with these keys.
guarded()
{
    local nodes
    nodes=$(seq -s, -f '"10.0.0.%g:80"' 1 "$1")
    mount_start <<YAML
BALANCERS:
  web:
    BACKEND: dummy
    log: $log
    fail_file: $fail
    fail_calls: [apply]
    cache_ttl: 1h
    pools: {app: [$nodes], spare: ["10.9.9.9:80"], empty: []}
$(printf '    %s\n' "${@:2}")
  other: {BACKEND: dummy, pools: {app: []}}
YAML
    app=$MNT/web/app
    ls "$app" >/dev/null
    calls >/dev/null
}

count()
{
    find "$1" -type f | wc -l
}

said()
{
    python3 -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))["last_error"])' "$MNT/web/.status"
}

@test "read_only: every change is EROFS, everything can be read" {
    guarded 2 'read_only: true'
    python3 - "$MNT/web" <<'PY'
import errno, os, sys
web = sys.argv[1]
app = web + "/app"

def refused(do, *args):
    try:
        do(*args)
    except OSError as e:
        assert e.errno == errno.EROFS, (do, args, e)
        return
    raise SystemExit("allowed: %s %s" % (do, args))

def nodes(text):
    f = os.open(app + "/.nodes", os.O_WRONLY)
    os.write(f, text)
    os.close(f)

refused(os.open, app + "/10.0.0.3:80", os.O_CREAT | os.O_WRONLY)
refused(os.unlink, app + "/10.0.0.1:80")
refused(os.mkdir, web + "/new")
refused(os.rmdir, web + "/empty")
refused(os.rename, app + "/10.0.0.1:80", app + "/10.0.0.4:80")
refused(os.rename, app + "/10.0.0.1:80", web + "/spare/10.0.0.1:80")
refused(nodes, b"10.0.0.1:80\n")
os.utime(app + "/10.0.0.1:80")
os.listdir(app), open(app + "/.nodes").read()
PY
    assert_equal "$(calls)" ""
    assert_equal "$(grep -c result=EROFS "$MNT/web/.log")" 7
    mount_stop
}

@test "protected_pools: EPERM there and for what comes from or goes there, all else works" {
    guarded 2 'protected_pools: [app]'
    assert_equal "$(errno 'os.open(a[0], os.O_CREAT | os.O_WRONLY)' "$app/10.0.0.3:80")" EPERM
    assert_equal "$(errno 'os.unlink(a[0])' "$app/10.0.0.1:80")" EPERM
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$app/10.0.0.1:80" "$MNT/web/spare/10.0.0.1:80")" EPERM
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$MNT/web/spare/10.9.9.9:80" "$app/10.9.9.9:80")" EPERM
    run cp <(echo 10.0.0.1:80) "$app/.nodes"
    assert_failure
    assert_equal "$(said)" "pool app is protected (protected_pools)"
    run rm -rf "$app"
    assert_failure
    assert_equal "$(count "$app")" 2
    assert_equal "$(calls)" ""
    touch "$MNT/web/spare/10.0.0.3:80"
    mkdir "$MNT/web/new"
    assert_equal "$(calls | wc -l)" 2
    mount_stop
}

@test "min_nodes: by rm, mv and .nodes; a swap of the last ones is no removal" {
    guarded 3 'min_nodes: 2'
    rm "$app/10.0.0.1:80"
    run rm -f "$app/10.0.0.2:80"
    assert_failure
    assert_output --partial "Operation not permitted"
    assert_equal "$(said)" "min_nodes 2: deleting 1 of the 2 nodes of pool app would leave 1; add nodes first"
    run mv "$app/10.0.0.2:80" "$MNT/web/spare/"
    assert_failure
    run mv "$app/10.0.0.2:80" "$MNT/other/app/"
    assert_failure
    assert_equal "$(count "$app") $(count "$MNT/web/spare")" "2 1"
    run cp <(echo 10.0.0.2:80) "$app/.nodes"
    assert_failure
    mv "$app/10.0.0.2:80" "$app/10.0.0.4:80"
    printf '10.0.0.5:80\n10.0.0.6:80\n' >"$app/.nodes"
    assert_equal "$(cd "$app" && echo *)" "10.0.0.5:80 10.0.0.6:80"
    touch "$app/10.0.0.7:80"
    rm "$app/10.0.0.5:80"
    # A pool that is below it already: adding works, a swap too.
    mv "$MNT/web/spare/10.9.9.9:80" "$MNT/web/spare/10.9.9.8:80"
    touch "$MNT/web/empty/10.1.1.1:80"
    run rm "$MNT/web/empty/10.1.1.1:80"
    assert_failure
    mount_stop
}

@test "max_removal 50%/60s: rm -rf of ten leaves five and says why" {
    guarded 10 'max_removal: 50%/60s'
    run rm -rf "$app"
    assert_failure
    assert_output --partial "Operation not permitted"
    assert_equal "$(count "$app")" 5
    [[ $(said) == "max_removal 50%/60s: 5 deleted of "*" within the time and 1 more are too many, "*"may go; try again in "*" s, or add nodes first" ]]
    assert_equal "$(grep -c 'op=rm pool=app nodes=-10.*result=EPERM.*max_removal' "$MNT/web/.log")" 5
    run find "$app" -type f -delete
    assert_failure
    run mv "$app"/* "$MNT/other/app/"
    assert_failure
    assert_equal "$(count "$app")" 5
    # Four more nodes: of 14 seven may go, five have.
    printf '10.1.1.%d:80\n' 1 2 3 4 | sed "s|^|$app/|" | xargs touch
    rm "$app/10.1.1.1:80" "$app/10.1.1.2:80"
    run rm "$app/10.1.1.3:80"
    assert_failure
    mount_stop
}

@test "max_removal 3/60s: a list is judged as a whole, and so is the balancer" {
    guarded 8 'max_removal: 3/60s'
    printf '10.0.0.%d:80\n' 1 2 3 4 >list
    run cp list "$app/.nodes"
    assert_failure 1
    assert_output --partial "Operation not permitted"
    assert_equal "$(calls)" ""
    assert_equal "$(count "$app")" 8
    printf '10.0.0.%d:80\n' 1 2 3 4 5 6 >list
    cp list "$app/.nodes"
    rm "$MNT/web/spare/10.9.9.9:80"
    # Three of the balancer are gone, though but two of this pool.
    run rm "$app/10.0.0.1:80"
    assert_failure
    [[ $(said) == *"deleted of the balancer"* ]]
    assert_equal "$(count "$app")" 6
    mount_stop
}

@test "what the balancer refused, or was interrupted, is not counted" {
    guarded 4 'max_removal: 2/60s'
    echo EREMOTEIO >"$fail"
    for ((i = 0; i < 5; i++)); do
        run rm "$app/10.0.0.1:80"
        assert_output --partial "Remote I/O error"
    done
    run mv "$app/10.0.0.1:80" "$app/10.0.0.9:80"
    assert_failure
    run cp <(echo 10.0.0.1:80) "$app/.nodes"
    assert_failure
    rm "$fail"
    rm "$app/10.0.0.1:80" "$app/10.0.0.2:80"
    run rm "$app/10.0.0.3:80"
    assert_failure
    assert_equal "$(count "$app")" 2
    mount_stop
}

@test "many at once cannot pass together what none of them may pass alone" {
    guarded 10 'latency: 300ms' 'min_nodes: 8'
    for i in {1..10}; do
        rm "$app/10.0.0.$i:80" 2>/dev/null &
    done
    wait $(jobs -p | grep -vx "$PID") || true
    assert_equal "$(count "$app")" 8
    mount_stop

    rm "$log"
    guarded 10 'latency: 300ms' 'max_removal: 50%/60s'
    for i in {1..10}; do
        rm "$app/10.0.0.$i:80" 2>/dev/null &
    done
    wait $(jobs -p | grep -vx "$PID") || true
    assert_equal "$(count "$app")" 5
    mount_stop
}

@test "mv out, rm and .nodes at once: the pool keeps its least" {
    guarded 6 'latency: 300ms' 'min_nodes: 4'
    rm "$app/10.0.0.1:80" 2>/dev/null &
    mv "$app/10.0.0.2:80" "$MNT/web/spare/" 2>/dev/null &
    rm "$app/10.0.0.3:80" 2>/dev/null &
    mv "$app/10.0.0.4:80" "$MNT/web/empty/" 2>/dev/null &
    printf '10.0.0.5:80\n10.0.0.6:80\n' | tee "$app/.nodes" >/dev/null 2>&1 &
    wait $(jobs -p | grep -vx "$PID") || true
    assert_equal "$(count "$app")" 4
    mount_stop
}

@test "two lists that wait together: the pool is one of them" {
    guarded 2 'latency: 500ms'
    seq -f '10.1.1.%g:80' 1 20 >one
    seq -f '10.2.2.%g:80' 1 20 >two
    touch "$app/10.3.3.3:80" &
    while [ "$(wc -l <"$log")" -lt 1 ]; do sleep 0.02; done
    sleep 0.1
    cp one "$app/.nodes" &
    cp two "$app/.nodes" &
    wait $(jobs -p | grep -vx "$PID")
    assert_equal "$(count "$app")" 20
    cmp one "$app/.nodes" || cmp two "$app/.nodes"
    mount_stop
}
