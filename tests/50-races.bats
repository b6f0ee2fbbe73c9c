#!/usr/bin/env bats
# Two daemons on the same three hosts change the same pools at once: nothing is lost, nothing comes back, and what was
# answered can be explained by some order of all that was done.
#
# RACE_CHANGES=N: of each daemon (default 600).
# shellcheck disable=SC2034,SC2154  # settings read by many.bash

bats_require_minimum_version 1.5.0
load many
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    many_hosts web1 web2 web3
}

# race SEED N [KEY=VALUE]...: in the background; its history in $BASE/run/SEED.history, what was refused in SEED.refused
race()
{
    arguments "${@:3}"
    # shellcheck disable=SC2153
    "$BUILD/tests/driver_cli" "${ARGUMENTS[@]}" -- race "$1" "$2" >"$BASE/run/$1.history" 2>"$BASE/run/$1.refused" 3>&- &
}

# What is there at the end, as seen on one host: part of the history.
end_seen() # HOST
{
    local pool node what now
    read -r now _ </proc/uptime
    now=${now/./}0000
    for pool in p0 p1 p2 p3 p4; do
        for node in 0 1 2 3 4 5 6 7; do
            what=lacks
            ! grep -qs "server 10.0.0.$node:80" "$BASE/$1/$pool.conf" || what=has
            echo "$((now + 10000000)) $((now + 10000001)) $pool/n$node $what ok"
        done
    done
}

explained()
{
    for host in "${HOSTS[@]}"; do end_seen "$host" >"$BASE/run/$host.end"; done
    run bash -c 'cat "$@" | "$BUILD/tests/history_cli"' - "$BASE"/run/*.history "$BASE"/run/web*.end
    assert_success
    same_everywhere
    clean_everywhere
}

done_by() # SEED: how many changes were made
{
    grep -cE ' (add|del) ok$' "$BASE/run/$1.history"
}

@test "the checker knows a lost change from none" {
    check()
    {
        printf %b "$1" | "$BUILD/tests/history_cli"
    }
    check '1 2 k add ok\n3 4 k has ok\n5 6 k del ok\n7 8 k lacks ok\n'
    check '1 9 k add ok\n2 3 k lacks ok\n4 5 k has ok\n6 7 k has ok\n'
    check '1 2 k add unknown\n3 4 k lacks ok\n5 6 k has ok\n'
    check '1 2 k add unknown\n3 4 k lacks ok\n'
    check '1 2 k add no\n3 4 k lacks ok\n'
    run ! check '1 2 k add ok\n3 4 k lacks ok\n'
    run ! check '1 2 k add no\n3 4 k has ok\n'
    run ! check '1 9 k add ok\n2 3 k has ok\n4 5 k lacks ok\n'
    run ! check '1 2 k add ok\n3 9 k del ok\n4 5 k lacks ok\n6 7 k has ok\n'
    run ! check '1 2 k add unknown\n3 4 k has ok\n5 6 k lacks ok\n'
}

@test "two daemons, a thousand changes and more" {
    changes=${RACE_CHANGES:-600}
    race 1 "$changes"
    race 2 "$changes"
    wait
    run cat "$BASE"/run/{1,2}.refused
    assert_output ""
    # One in nine is a listing.
    [ $(($(done_by 1) + $(done_by 2))) -ge $((changes * 20 / 12)) ]
    explained
}

made_30()
{
    [ "$(done_by 7)" -gt 30 ]
}

@test "a listing comes through while another one changes without pause" {
    # To read takes longer than a change.
    # shellcheck disable=SC2016  # for that sh
    printf '#!/bin/sh\n[ "$HOST" != web2 ] || sleep 0.3\nexec /usr/bin/wc "$@"\n' >"$BASE/bin/wc"
    chmod +x "$BASE/bin/wc"
    race 7 100000
    changer=$!
    eventually [ -s "$BASE/run/7.history" ]
    serve
    for i in 1 2 3; do
        do_ pools
        [ "$RC" -eq 0 ] || { echo "$OUT" && false; }
    done
    # Nor does that one have to wait for those who read.
    eventually made_30
    kill "$changer"
    wait "$changer" || true
    serve_end
    eventually clean_everywhere
}

@test "a third one edits by hand, and a fourth refuses some" {
    # A hand that adds comments; a test that refuses every node 7.
    TEST_CMD="! grep -qs 'server 10.0.0.7:80' ./*.conf"
    race 3 40
    race 4 40
    while [ "$(jobs -r | wc -l)" -gt 0 ]; do
        for host in web1 web2 web3; do
            ! [ -e "$BASE/$host/p1.conf" ] || echo '# by hand' >>"$BASE/$host/p1.conf"
        done
        sleep 0.2
    done
    wait
    grep -q ' p[0-4]/n7 add no$' "$BASE"/run/3.history
    run grep -v '^web[123]: .*exit status 1$' "$BASE"/run/3.refused "$BASE"/run/4.refused
    assert_output ""
    sed -i '/^# by hand/d' "$BASE"/web?/p1.conf
    explained
}

# mended HOST: it has what it missed; where both have ended before it was up, who comes next sees to that.
mended()
{
    [ "$(jobs -r | wc -l)" -gt 0 ] || cli min_hosts=2 -- pools >/dev/null
    ! grep -qs " $1 " "$BASE"/web?/.balancerfs-missed
}

@test "hosts come and go meanwhile, and daemons that can do without one" {
    race 5 60 min_hosts=2
    race 6 60 min_hosts=2
    for host in web1 web3 web2; do
        sleep 1
        host_down $host
        sleep 1
        host_up $host
        # What it missed is there before the next one goes: else they would have to wait for each other.
        eventually mended $host
    done
    wait
    cli min_hosts=2 -- pools >"$BASE/run/pools"
    [ -z "$(ls "$BASE"/*/.balancerfs-missed 2>/dev/null)" ]
    explained
}
