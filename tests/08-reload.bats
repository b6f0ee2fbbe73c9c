#!/usr/bin/env bats
# SIGHUP: balancers appear, vanish and change while the others keep running. SIGTERM and SIGINT: the end.

load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    config=$BATS_TEST_TMPDIR/mount/config.yaml
}

teardown()
{
    cd /
    mount_stop_all
}

# reload TEXT <CONFIG: the daemon reads it, and says TEXT, which it had not said before.
reload()
{
    local before
    before=$(wc -l <"$ERR")
    (umask 077 && cat >"$config.new")
    mv "$config.new" "$config"
    hang_up "$1" "$before"
}

# hang_up TEXT LINES: TEXT comes after that many lines.
hang_up()
{
    local i
    kill -HUP "$PID"
    for ((i = 0; i < 400; i++)); do
        ! tail -n "+$(($2 + 1))" "$ERR" | grep -qF "$1" || return 0
        sleep 0.05
    done
    echo "not said: $1"
    tail -n "+$(($2 + 1))" "$ERR"
    return 1
}

said()
{
    tail -n "$1" "$ERR" | sed "s|^balancerfs: ||; s|$config|FILE|g"
}

# names DIRECTORY...: what is in them, on one line.
names()
{
    find "$@" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | paste -sd' '
}

# The driver has been given the change.
until_running()
{
    local i
    for ((i = 0; i < 400; i++)); do
        ! grep -qx 'changes_running: 1' "$MNT/slow/.status" || return 0
        sleep 0.02
    done
    cat "$MNT/slow/.status"
    return 1
}

all_nodes="10.0.0.1:80 10.0.0.2:80 10.0.1.1:80 10.0.1.2:80"

start()
{
    mount_start <<'YAML'
BALANCERS:
  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
  shop: {BACKEND: dummy, pools: {cart: ["10.0.1.1:80"]}}
YAML
    # What only memory holds tells whether a balancer was left alone.
    touch "$MNT/web/app/10.0.0.2:80" "$MNT/shop/cart/10.0.1.2:80"
}

@test "a balancer appears" {
    start
    run ls "$MNT/new"
    assert_failure
    reload "0 removed, 1 added, 3 in all" <<'YAML'
BALANCERS:
  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
  new: {BACKEND: dummy, pools: {fresh: ["10.0.2.1:80"]}}
  shop: {BACKEND: dummy, pools: {cart: ["10.0.1.1:80"]}}
YAML
    assert_equal "$(names "$MNT")" "new shop web"
    assert_equal "$(ls "$MNT/new/fresh")" 10.0.2.1:80
    touch "$MNT/new/fresh/10.0.2.2:80"
    assert_equal "$(names "$MNT/web/app" "$MNT/shop/cart")" "$all_nodes"
    mount_stop
}

@test "a balancer vanishes" {
    start
    exec 8<"$MNT/shop/cart"
    reload "1 removed, 0 added, 1 in all" <<'YAML'
BALANCERS:
  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
YAML
    assert_equal "$(ls "$MNT")" web
    run ls "$MNT/shop"
    assert_failure
    assert_output --partial "No such file or directory"
    # What was open before is answered, and it is an error.
    run timeout 20 touch /proc/self/fd/8/10.0.1.3:80
    assert_failure 1
    exec 8<&-
    assert_equal "$(names "$MNT/web/app")" "10.0.0.1:80 10.0.0.2:80"
    mount_stop
}

@test "a balancer changes, another is left alone" {
    start
    reload "1 removed, 1 added, 2 in all" <<'YAML'
BALANCERS:
  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
  shop: {BACKEND: dummy, pools: {cart: ["10.0.1.9:80"], more: []}}
YAML
    assert_equal "$(ls "$MNT/shop/cart")" 10.0.1.9:80
    assert_equal "$(names "$MNT/shop")" "cart more"
    assert_equal "$(names "$MNT/web/app")" "10.0.0.1:80 10.0.0.2:80"
    mount_stop
}

@test "another driver under the same name is a change" {
    start
    reload "1 removed, 1 added, 2 in all" <<'YAML'
BALANCERS:
  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
  shop: {BACKEND: exec, command: [/bin/true]}
YAML
    assert_equal "$(ls "$MNT/shop")" ""
    mount_stop
}

@test "comments, order, aliases and capitals are no change" {
    start
    reload "0 removed, 0 added, 2 in all" <<'YAML'
# Written again.
x: &x {cart: ["10.0.1.1:80"]}
balancers:
  shop:
    Pools: *x
    backend: deployment.balancer.dummy.DummyBalancer

  web:
    backend: dummy
    POOLS:
      app: 10.0.0.1:80
YAML
    assert_equal "$(names "$MNT/web/app" "$MNT/shop/cart")" "$all_nodes"
    mount_stop
}

@test "a bad file changes nothing, and each error is said" {
    start
    reload "nothing was changed" <<'YAML'
BALANCERS:
  web: {BACKEND: dummy, latency: x}
  new: {BACKEND: dummy, fail: EFOO, owner: nobody-of-that-name, max_removal: much}
  shop: {BACKEND: nosuch}
YAML
    run said 6
    assert_line 'FILE:2:34: latency must be a time such as 200ms, 10s or 2m: x'
    assert_line 'FILE:3:31: fail must be the name of an errno: EFOO'
    assert_line --partial 'FILE:3:44: owner'
    assert_line --partial 'FILE:3:78: max_removal'
    assert_line --partial 'FILE:4:19: unknown BACKEND nosuch'
    assert_line 'FILE has errors: nothing was changed'
    assert_equal "$(names "$MNT")" "shop web"
    assert_equal "$(names "$MNT/web/app" "$MNT/shop/cart")" "$all_nodes"

    chmod 644 "$config"
    printf 'BALANCERS: {web: {BACKEND: nginx, password: x}}\n' >"$config"
    hang_up "others may read the file" "$(wc -l <"$ERR")"
    rm "$config"
    hang_up "$config: No such file or directory" "$(wc -l <"$ERR")"
    assert_equal "$(names "$MNT/web/app" "$MNT/shop/cart")" "$all_nodes"
    mount_stop
}

@test "what could not be opened after all is said, and is not there; the rest is changed" {
    mkfifo fifo
    echo 'app: []' >kept
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
  slow: {BACKEND: dummy, fail_file: $PWD/fifo, fail_calls: [apply], pools: {app: []}}
YAML
    # It hangs until the fifo is written to, and so does the reload, between its look at what is new and its opening.
    touch "$MNT/slow/app/10.0.0.1:80" &
    until_running
    (while [[ "$(names "$MNT")" = *slow* ]] && kill -0 "$PID"; do sleep 0.05; done
        echo '{' >kept
        timeout 10 sh -c ': >fifo') &
    reload "has errors" <<YAML
BALANCERS:
  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
  new: {BACKEND: dummy, file: $PWD/kept}
  more: {BACKEND: dummy}
YAML
    run said 3
    assert_line --partial 'FILE read again: 1 removed, 1 added, 2 in all'
    assert_line --partial "FILE:3:3: $PWD/kept"
    assert_line 'FILE has errors: what they concern is not mounted'
    assert_equal "$(names "$MNT")" "more web"
    mount_stop
}

@test "the root has as many links as balancers" {
    start
    assert_equal "$(stat -c %h "$MNT")" 4
    reload "1 removed, 0 added, 1 in all" <<'YAML'
BALANCERS:
  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
YAML
    assert_equal "$(stat -c %h "$MNT")" 3
    mount_stop
}

@test "what is open in a balancer that stays is open still: nodes, temporaries, directories, half a list" {
    start
    echo note >"$MNT/web/app/10.0.0.1:80"
    echo temporary >"$MNT/web/app/.tmp"
    touch -d 2020-01-01 "$MNT/web/app/10.0.0.2:80"
    chmod 600 "$MNT/web/app/10.0.0.2:80"
    inode=$(stat -c %i "$MNT/web/app/10.0.0.1:80")
    exec 4<"$MNT/web/app/10.0.0.1:80" 5>>"$MNT/web/app/.tmp" 6<"$MNT/web/app"
    cd "$MNT/web/app"
    mkfifo "$BATS_TEST_TMPDIR/more"
    python3 -c '
import os, sys
f = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
os.write(f, b"10.0.0.1:80\n")
open(sys.argv[2]).read()
os.write(f, b"10.0.0.3:80\n")
os.close(f)' "$MNT/web/app/.nodes" "$BATS_TEST_TMPDIR/more" &
    writer=$!
    for i in 1 2; do
        reload "removed, " <<YAML
BALANCERS:
  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
  shop: {BACKEND: dummy, pools: {cart: ["10.0.1.$i:80"]}}
YAML
    done
    assert_equal "$(cat <&4)" note
    echo more >&5
    assert_equal "$(cat .tmp)" "$(printf 'temporary\nmore')"
    assert_equal "$(stat -c %i 10.0.0.1:80 /proc/self/fd/4 -L | sort -u)" "$inode"
    assert_equal "$(stat -c '%a %Y' 10.0.0.2:80)" "600 $(date -d 2020-01-01 +%s)"
    : >"$BATS_TEST_TMPDIR/more"
    wait $writer
    assert_equal "$(ls /proc/self/fd/6/)" "10.0.0.1:80
10.0.0.3:80"
    exec 4<&- 5>&- 6<&-
    cd /
    mount_stop
}

@test "what runs in a balancer that stays is not disturbed" {
    mount_start <<'YAML'
BALANCERS:
  slow: {BACKEND: dummy, latency: 700ms, pools: {app: []}}
  shop: {BACKEND: dummy}
YAML
    ls "$MNT/slow/app"
    touch "$MNT/slow/app/10.0.0.1:80" &
    touching=$!
    until_running
    reload "1 removed, 1 added, 2 in all" <<'YAML'
BALANCERS:
  slow: {BACKEND: dummy, latency: 700ms, pools: {app: []}}
  shop: {BACKEND: dummy, pools: {a: []}}
YAML
    wait $touching
    assert_equal "$(ls "$MNT/slow/app")" 10.0.0.1:80
    mount_stop
}

@test "what runs in a balancer that goes is finished" {
    mount_start <<YAML
BALANCERS:
  slow: {BACKEND: dummy, latency: 700ms, pools: {app: []}, file: $BATS_TEST_TMPDIR/pools.yaml}
YAML
    ls "$MNT/slow/app"
    touch "$MNT/slow/app/10.0.0.1:80" &
    touching=$!
    until_running
    reload "1 removed, 0 added, 0 in all" <<<'BALANCERS: {}'
    wait $touching
    grep -q 10.0.0.1:80 "$BATS_TEST_TMPDIR/pools.yaml"
    assert_equal "$(ls "$MNT")" ""
    mount_stop
}

@test "many reloads leave nothing behind" {
    start
    for ((i = 0; i < 5; i++)); do toggle $i; done
    descriptors=$(find "/proc/$PID/fd" -type l | wc -l) threads=$(find "/proc/$PID/task" -maxdepth 1 | wc -l)
    for ((i = 5; i < 30; i++)); do toggle $i; done
    assert_equal "$(find "/proc/$PID/fd" -type l | wc -l)" "$descriptors"
    [ "$(find "/proc/$PID/task" -maxdepth 1 | wc -l)" -le "$threads" ]
    assert_equal "$(names "$MNT/web/app")" "10.0.0.1:80 10.0.0.2:80"
    mount_stop
}

toggle()
{
    reload "1 removed, 1 added, 2 in all" <<YAML
BALANCERS:
  web: {BACKEND: dummy, pools: {app: ["10.0.0.1:80"]}}
  shop: {BACKEND: dummy, pools: {cart: ["10.0.1.1:$(($1 + 1000))"]}}
YAML
    assert_equal "$(ls "$MNT/shop/cart")" "10.0.1.1:$(($1 + 1000))"
}

@test "SIGTERM and SIGINT finish what runs, and unmount" {
    for signal in TERM INT; do
        rm -f "$BATS_TEST_TMPDIR/pools.yaml"
        mount_start <<YAML
BALANCERS:
  slow: {BACKEND: dummy, latency: 700ms, pools: {app: []}, file: $BATS_TEST_TMPDIR/pools.yaml}
YAML
        ls "$MNT/slow/app"
        # Only creation: touch would also ask for the times, of a mount that is gone then.
        bash -c ': >"$1"' - "$MNT/slow/app/10.0.0.1:80" &
        creating=$!
        until_running
        kill -$signal "$PID"
        wait $creating
        wait "$PID"
        grep -q 10.0.0.1:80 "$BATS_TEST_TMPDIR/pools.yaml"
        run grep " $MNT " /proc/self/mounts
        assert_failure
        assert_equal "$(ls "$MNT")" ""
    done
}

@test "SIGTERM also ends what a shell stands in" {
    start
    cd "$MNT/web/app"
    kill -TERM "$PID"
    wait "$PID"
    cd /
    run grep " $MNT " /proc/self/mounts
    assert_failure
}

@test "while a balancer changes its name is stale, and rm -f does not take its nodes for gone" {
    printf 'app: ["a:1", "b:2"]\n' >pools.yaml
    mount_start -o entry_timeout=0,attr_timeout=0 <<YAML
BALANCERS:
  slow: {BACKEND: dummy, file: $PWD/pools.yaml, latency: 3s, cache_ttl: 60s}
YAML
    names "$MNT/slow/app"
    touch "$MNT/slow/app/c:3" 3>&- &
    local touching=$!
    until_running
    sed -i 's/latency: 3s/latency: 1ms/' "$config"
    kill -HUP "$PID"
    for ((i = 0; i < 300; i++)); do
        run stat "$MNT/slow"
        [ "$status" -eq 0 ] || break
        sleep 0.01
    done
    assert_output --partial "Stale file handle"
    run rm -f "$MNT/slow/app/a:1"
    assert_failure
    run stat "$MNT/nosuch"
    assert_output --partial "No such file"
    wait "$touching"
    for ((i = 0; i < 200; i++)); do
        [ "$(names "$MNT/slow/app")" != "a:1 b:2 c:3" ] || break
        sleep 0.05
    done
    rm "$MNT/slow/app/a:1"
    mount_stop
}
