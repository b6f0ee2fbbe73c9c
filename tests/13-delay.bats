#!/usr/bin/env bats
# commit_delay: changes are accepted at once, committed together, waited for by fsync, and never lost.
# shellcheck disable=SC2154  # the mount's variables

bats_require_minimum_version 1.5.0
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    log=$BATS_TEST_TMPDIR/log
    fail=$BATS_TEST_TMPDIR/fail
    kept=$BATS_TEST_TMPDIR/kept.yaml
}

teardown()
{
    cd /
    mount_stop_all
}

# delayed DELAY KEY...
delayed()
{
    mount_start <<YAML
BALANCERS:
  web:
    BACKEND: dummy
    log: $log
    file: $kept
    fail_file: $fail
    fail_calls: [apply]
    refuse: ["10.6.6.6:80"]
    cache_ttl: ${ttl:-1h}
    commit_delay: $1
    pools: {app: ["a:80", "b:80"], spare: []}
$(printf '    %s\n' "${@:2}")
YAML
    app=$MNT/web/app
    ls "$app" >/dev/null
    calls >/dev/null
}

applied()
{
    assert_equal "$(calls | grep -v get_)" "apply $*"
}

nothing_applied()
{
    assert_equal "$(calls | grep -v get_)" ""
}

listed()
{
    assert_equal "$(cd "$app" && echo *)" "$*"
}

@test "1,000 touches and a sync are a handful of transactions" {
    delayed 10s
    python3 - "$app" <<'PY'
import os, sys
for i in range(1000):
    os.close(os.open("%s/10.1.%d.%d:80" % (sys.argv[1], i // 250, i % 250), os.O_CREAT | os.O_WRONLY))
PY
    assert_equal "$(find "$app" -type f | wc -l)" 1002
    nothing_applied
    sync "$app"
    assert_equal "$(calls | grep -c apply)" 1
    rm "$app"/10.1.*
    listed a:80 b:80
    sync "$app/.nodes"
    assert_equal "$(calls | grep -c apply)" 1
    assert_equal "$(grep -c . "$MNT/web/.log")" 1000
    mount_stop
}

@test "without a sync it is committed once no more comes, at the latest after ten times as long" {
    delayed 200ms
    touch "$app/c:80"
    for ((i = 0; i < 200; i++)); do
        ! grep -q 'app+c:80' "$log" || break
        sleep 0.05
    done
    applied app+c:80
    # Something every 100 ms: it does not wait for the end of that.
    for ((i = 0; i < 100; i++)); do
        touch "$app/10.1.1.$i:80"
        sleep 0.1
        ! grep -q 10.1.1.0:80 "$log" || break
    done
    [ $i -lt 100 ]
    mount_stop
}

@test "what was accepted is seen at once, by ls, stat, .nodes and in .status" {
    delayed 1h
    touch "$app/c:80"
    rm "$app/a:80"
    listed b:80 c:80
    assert_equal "$(cat "$app/.nodes")" "$(printf 'b:80\nc:80')"
    [ ! -e "$app/a:80" ]
    [ -f "$app/c:80" ]
    assert_equal "$(errno 'os.unlink(a[0])' "$app/a:80")" ENOENT
    assert_equal "$(errno 'os.open(a[0], os.O_CREAT | os.O_EXCL)' "$app/c:80")" EEXIST
    echo note >"$app/c:80"
    assert_equal "$(cat "$app/c:80")" note
    run cat "$MNT/web/.status"
    assert_output --partial "changes_queued: 2"
    nothing_applied
    sync "$app"
    applied app+c:80 app-a:80
    sync "$app"
    nothing_applied
    assert_equal "$(cat "$app/c:80")" note
    mount_stop
}

@test "an addition that is refused: fsync says it once, the node goes, .status and .log have it" {
    delayed 1h
    touch "$app/10.6.6.6:80" "$app/c:80"
    listed 10.6.6.6:80 a:80 b:80 c:80
    assert_equal "$(errno 'os.fsync(os.open(a[0], os.O_RDONLY))' "$app")" EREMOTEIO
    listed a:80 b:80 c:80
    [ ! -e "$app/10.6.6.6:80" ]
    sync "$app"
    assert_equal "$(grep -c 'nodes=+10.6.6.6:80 result=EREMOTEIO' "$MNT/web/.log")" 1
    run cat "$MNT/web/.status"
    assert_output --partial "last_errno: EREMOTEIO"
    touch "$app/10.6.6.6:80"
    assert_equal "$(errno 'os.fsync(os.open(a[0], os.O_RDONLY))' "$app/.nodes")" EREMOTEIO
    mount_stop
}

@test "a deletion that is refused: hidden meanwhile, then there again as it was" {
    delayed 1h
    echo note >"$app/a:80"
    inode=$(stat -c %i "$app/a:80")
    echo EBUSY >"$fail"
    rm "$app/a:80"
    listed b:80
    [ ! -e "$app/a:80" ]
    assert_equal "$(errno 'os.fsync(os.open(a[0], os.O_RDONLY))' "$app")" EBUSY
    listed a:80 b:80
    for ((i = 0; i < 100; i++)); do
        [ ! -e "$app/a:80" ] || break
        sleep 0.05
    done
    assert_equal "$(stat -c %i "$app/a:80") $(cat "$app/a:80")" "$inode note"
    run tail -n 1 "$MNT/web/.log"
    assert_output --partial "nodes=-a:80 result=EBUSY"
    rm "$fail"
    rm "$app/a:80"
    sync "$app"
    listed b:80
    mount_stop
}

@test "what comes and goes before the commit is never sent" {
    delayed 1h
    touch "$app/c:80"
    rm "$app/c:80"
    rm "$app/a:80"
    touch "$app/a:80"
    listed a:80 b:80
    sync "$app"
    nothing_applied
    rm "$app/a:80"
    touch "$app/a:80"
    rm "$app/a:80"
    touch "$app/d:80"
    sync "$app"
    applied app-a:80 app+d:80
    mount_stop
}

@test "mv, .nodes, rm -rf and rmdir do not overtake what was accepted before" {
    delayed 1h
    touch "$app/c:80"
    mv "$app/c:80" "$app/d:80"
    listed a:80 b:80 d:80
    touch "$app/e:80"
    rm "$app/a:80"
    printf 'a:80\nd:80\n' >"$app/.nodes"
    listed a:80 d:80
    assert_equal "$(tr -d ' \n' <"$kept" | sed 's/spare.*//')" "$(printf 'app:\n- a:80\n- d:80\n' | tr -d ' \n')"
    touch "$app/f:80"
    rm -rf "$app"
    [ ! -e "$app" ]
    run cat "$kept"
    refute_output --partial app
    mount_stop
}

@test "guard rails hold for what is accepted, also when something before it is refused" {
    delayed 1h 'min_nodes: 2'
    assert_equal "$(errno 'os.unlink(a[0])' "$app/a:80")" EPERM
    touch "$app/10.6.6.6:80"
    rm "$app/a:80"
    assert_equal "$(errno 'os.unlink(a[0])' "$app/b:80")" EPERM
    run sync "$app"
    assert_failure
    listed a:80 b:80
    assert_equal "$(grep -c 'nodes=-a:80 result=EPERM.*relied on was refused' "$MNT/web/.log")" 1
    run cat "$kept"
    refute_output --partial 10.6.6.6
    mount_stop
}

@test "a deletion is not judged by what was accepted after it" {
    delayed 1h 'min_nodes: 2'
    touch "$app/10.6.6.6:80"
    rm "$app/a:80"
    touch "$app/c:80"
    run sync "$app"
    assert_failure
    listed a:80 b:80 c:80
    # Nor is an mv to another pool.
    rm "$app/a:80"
    touch "$app/10.6.6.6:80"
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$app/b:80" "$MNT/web/spare/b:80")" EPERM
    listed b:80 c:80
    mount_stop
}

@test "unmounting, SIGTERM and SIGINT commit what was accepted" {
    delayed 1h
    touch "$app/c:80"
    rm "$app/a:80"
    mount_stop
    applied app+c:80 app-a:80
    for signal in TERM INT; do
        delayed 1h
        touch "$app/$signal:80"
        kill -$signal "$PID"
        mount_wait "$PID"
        rm "${MNT%/mnt}/pid"
        applied "app+$signal:80"
    done
}

@test "a reload commits what was accepted by a balancer that it changes or takes away" {
    delayed 1h
    touch "$app/c:80"
    sed -i 's/commit_delay: 1h/commit_delay: 2h/' "${MNT%/mnt}/config.yaml"
    kill -HUP "$PID"
    for ((i = 0; i < 200; i++)); do
        ! grep -q 'app+c:80' "$log" || break
        sleep 0.05
    done
    applied app+c:80
    for ((i = 0; i < 100; i++)); do
        ! ls "$app/c:80" 2>/dev/null || break
        sleep 0.05
    done
    listed a:80 b:80 c:80
    mount_stop
}

@test "a node that a list has brought meanwhile is removed at the balancer, not only its addition" {
    delayed 1h 'latency: 700ms'
    printf 'x:80\n' | tee "$app/.nodes" >/dev/null &
    writer=$!
    for ((i = 0; i < 200; i++)); do
        ! grep -q 'changes_running: 1' "$MNT/web/.status" || break
        sleep 0.02
    done
    touch "$app/x:80"
    wait $writer
    listed x:80
    rm "$app/x:80"
    listed '*'
    sync "$app"
    listed '*'
    run cat "$kept"
    refute_output --partial x:80
    mount_stop
}

@test "a node that somebody else has deleted meanwhile: touch adds it again, a refused rm does not bring it back" {
    ttl=100ms delayed 1h
    for way in 'app: ["b:80"]' ''; do
        printf 'app: ["a:80", "b:80"]\n' >"$kept"
        sleep 0.2
        listed a:80 b:80
        rm "$app/a:80"
        printf '%s\n' "${way:-spare: []}" >"$kept"
        sleep 0.2
        ls "$app" "$MNT/web" >/dev/null
        touch "$app/a:80"
        sync "$app"
        run cat "$kept"
        assert_output --partial a:80
        sleep 0.2
        [ -f "$app/a:80" ]
    done
    rm "$app/a:80"
    printf 'app: ["b:80"]\n' >"$kept"
    sleep 0.2
    listed b:80
    echo EBUSY >"$fail"
    run sync "$app"
    assert_failure
    listed b:80
    [ ! -e "$app/a:80" ]
    mount_stop
}
