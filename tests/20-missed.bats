#!/usr/bin/env bats
# min_hosts: changes go through while some hosts are down; what those missed is kept, and made up for.
# shellcheck disable=SC2016,SC2034,SC2154  # settings read by many.bash

bats_require_minimum_version 1.5.0
load many
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    many_hosts web1 web2 web3
    cli -- apply add:app/10.0.0.1:80 add:app/10.0.0.2:80 create:old
    RELOAD_CMD="echo >>$BASE/run/\$HOST.reloads"
}

has_nodes() # HOST POOL NODE...
{
    diff <(sed -n 's/^ *server \([^ ;]*\).*/\1/p' "$BASE/$1/$2.conf" | grep -v '^127.0.0.1:1$' | sort) <(printf '%s\n' "${@:3}" | sed '/^$/d' | sort)
}

reloads() # HOST
{
    wc -l 2>/dev/null <"$BASE/run/$1.reloads"
}

no_record()
{
    [ -z "$(ls "$BASE"/*/.balancerfs-missed 2>/dev/null)" ] && same_everywhere && clean_everywhere
}

@test "a change goes through without a host; it makes up for it by itself when it is back" {
    host_down web3
    serve min_hosts=2
    do_ apply add:app/10.0.0.3:80 del:app/10.0.0.1:80 , pools , status
    [ "$RC" -eq 0 ]
    [[ "$OUT" == app$'\n'app/10.0.0.2:80$'\n'app/10.0.0.3:80$'\n'old$'\n'* ]]
    [[ "$OUT" == *"web3 down "* && "$OUT" == *"web3 missed 2"* ]]
    has_nodes web3 app 10.0.0.1:80 10.0.0.2:80
    [ "$(grep -c ' web3 ' "$BASE/web1/.balancerfs-missed")" -eq 2 ]
    cmp "$BASE/web1/.balancerfs-missed" "$BASE/web2/.balancerfs-missed"
    host_up web3
    # Nobody asks.
    eventually no_record
    has_nodes web3 app 10.0.0.2:80 10.0.0.3:80
    # Only the one that had to be brought up has reloaded for it.
    [ "$(reloads web1) $(reloads web2) $(reloads web3)" = "1 1 1" ]
    is_told()
    {
        do_ status && [[ "$OUT" == *"web3 up "* && "$OUT" != *missed* ]]
    }
    eventually is_told
    do_ apply add:app/10.0.0.4:80
    [ "$RC" -eq 0 ]
    serve_end
    same_everywhere
}

@test "a host that nothing goes without is tried every few seconds, however long it was down" {
    host_down web3
    serve
    refused()
    {
        do_ pools
        [ "$(wc -l 2>/dev/null <"$BASE/run/web3.refused")" -ge 5 ]
    }
    eventually refused
    host_up web3
    local end=$((SECONDS + 10))
    until do_ pools && [ "$RC" -eq 0 ]; do
        [ $SECONDS -lt $end ]
        sleep 0.1
    done
    serve_end
}

@test "too few hosts are an error and no change" {
    host_down web2
    host_down web3
    run cli min_hosts=2 -- apply add:app/10.0.0.3:80 , pools
    assert_failure
    assert_line --regexp "^E(CONNREFUSED|HOSTUNREACH) web2: .*Connection refused"
    refute_line --partial 10.0.0.2
    has_nodes web1 app 10.0.0.1:80 10.0.0.2:80
    run cli min_hosts=1 -- apply add:app/10.0.0.3:80
    assert_success
    for bad in 0 4 -1 x 1x ""; do
        run cli "min_hosts=$bad" -- pools
        assert_failure
        assert_output --partial "min_hosts: all, or a number from 1 to 3"
    done
}

@test "it outlives the daemon, and comes before the listing and the change that find it" {
    host_down web3
    serve min_hosts=2
    do_ apply add:app/10.0.0.3:80 del:app/10.0.0.1:80 remove:old create:new
    serve_kill
    host_up web3
    # Not even one that must have all hosts has to know of it.
    run cli -- pools
    assert_success
    assert_output $'app\napp/10.0.0.2:80\napp/10.0.0.3:80\nnew'
    no_record
    host_down web3
    cli min_hosts=2 -- apply del:app/10.0.0.2:80
    host_up web3
    run cli -- apply add:app/10.0.0.9:80 , status
    assert_success
    refute_output --partial missed
    no_record
    has_nodes web3 app 10.0.0.3:80 10.0.0.9:80
}

@test "the last change of a node counts, whoever made it and whatever host missed it" {
    # Two that mount the same hosts; one of them sees web3 only, the other the others.
    host_down web3
    cli min_hosts=1 -- apply add:app/10.0.0.3:80 del:app/10.0.0.1:80
    host_down web1
    host_down web2
    host_up web3
    cli min_hosts=1 -- apply del:app/10.0.0.3:80 add:app/10.0.0.4:80
    has_nodes web3 app 10.0.0.1:80 10.0.0.2:80 10.0.0.4:80
    host_up web1
    host_up web2
    run cli -- pools
    assert_output $'app\napp/10.0.0.2:80\napp/10.0.0.4:80\nold'
    no_record
}

@test "what was missed twice is kept once, in the last form" {
    host_down web3
    for n in 1 2 3; do
        cli min_hosts=2 -- apply add:app/10.0.0.3:80 , apply del:app/10.0.0.3:80
    done
    [ "$(wc -l <"$BASE/web1/.balancerfs-missed")" -eq 1 ]
    grep -q 'web3 delete app 10.0.0.3:80' "$BASE/web1/.balancerfs-missed"
    before=$(cat "$BASE/web1/.balancerfs-missed")
    cli min_hosts=2 -- apply del:app/10.0.0.3:80
    [ "$before" = "$(cat "$BASE/web1/.balancerfs-missed")" ]
    host_up web3
    cli min_hosts=2 -- pools
    no_record
}

@test "a host that refuses what it missed counts as down; the others go on" {
    host_down web3
    cli min_hosts=2 -- apply add:app/10.0.0.3:80
    host_up web3
    TEST_CMD='[ $HOST != web3 ] || { echo broken here; exit 1; }'
    serve min_hosts=2
    do_ apply add:app/10.0.0.4:80 , pools , status
    [ "$RC" -eq 0 ]
    [[ "$OUT" == *app/10.0.0.3:80$'\n'app/10.0.0.4:80$'\n'old$'\n'* ]]
    [[ "$OUT" == *"broken here"* && "$OUT" == *"web3 missed 2"* ]]
    has_nodes web3 app 10.0.0.1:80 10.0.0.2:80
    has_nodes web1 app 10.0.0.1:80 10.0.0.2:80 10.0.0.3:80 10.0.0.4:80
    serve_end
    run cli -- apply add:app/10.0.0.5:80
    assert_failure
    assert_output --partial "EREMOTEIO web3: "
    TEST_CMD=true
    cli min_hosts=2 -- pools
    no_record
}

@test "a pool whose removal was missed stays if it got nodes there, and is told" {
    host_down web3
    cli min_hosts=2 -- apply remove:old del:app/10.0.0.1:80
    sed -i 's/server 127.*/server 10.0.0.77:80;/' "$BASE/web3/old.conf"
    host_up web3
    run cli min_hosts=2 -- pools , status
    assert_success
    assert_line "old/10.0.0.77:80 only on web3"
    assert_line --regexp "^web3 up .*old"
    [ -z "$(ls "$BASE"/*/.balancerfs-missed 2>/dev/null)" ]
    has_nodes web3 app 10.0.0.2:80
}

@test "a host that goes away in the middle of a change has missed it" {
    for step in test reload; do
        rm -f "$BASE/run/at"
        hold="[ \$HOST != web3 ] || { touch $BASE/run/at; sleep 60; }"
        TEST_CMD=true RELOAD_CMD=true
        if [ $step = test ]; then TEST_CMD=$hold; else RELOAD_CMD=$hold; fi
        serve min_hosts=2
        ask_ apply "add:app/10.0.0.3:80" "add:$step/10.0.0.3:80"
        eventually test -e "$BASE/run/at"
        host_down web3
        reply_
        [ "$RC" -eq 0 ]
        for host in web1 web2; do has_nodes $host $step 10.0.0.3:80; done
        grep -q " web3 add $step " "$BASE/web1/.balancerfs-missed"
        serve_end
        TEST_CMD=true RELOAD_CMD=true
        host_up web3
        cli min_hosts=2 -- pools
        no_record
    done
}

@test "with all hosts needed, one that is lost after the commit is an unknown outcome, and converges" {
    RELOAD_CMD="[ \$HOST != web3 ] || { touch $BASE/run/at; sleep 60; }"
    serve
    ask_ apply add:app/10.0.0.3:80
    eventually test -e "$BASE/run/at"
    host_down web3
    reply_
    [ "$RC" -eq 1 ]
    [[ "$OUT" == "EIO it is unknown whether the change is in force: web3: "* ]]
    serve_end
    RELOAD_CMD=true
    host_up web3
    run cli -- pools
    assert_output $'app\napp/10.0.0.1:80\napp/10.0.0.2:80\napp/10.0.0.3:80\nold'
    no_record
}

@test "a frozen host is left out within connect_timeout, and used again when it answers" {
    serve min_hosts=2 connect_timeout=2s
    do_ pools
    # shellcheck disable=SC2046  # pids
    kill -STOP $(sessions web2)
    do_ apply add:app/10.0.0.3:80 , pools
    [ "$RC" -eq 0 ]
    has_nodes web1 app 10.0.0.1:80 10.0.0.2:80 10.0.0.3:80
    eventually no_record
    has_nodes web2 app 10.0.0.1:80 10.0.0.2:80 10.0.0.3:80
    serve_end
}

@test "lines that nobody understands, and hosts that nobody knows, are no harm" {
    host_down web3
    cli min_hosts=2 -- apply add:app/10.0.0.3:80
    printf 'rubbish\n9 else add app 10.0.0.8:80\n' >>"$BASE/web1/.balancerfs-missed"
    host_up web3
    cli min_hosts=2 -- apply add:app/10.0.0.4:80
    has_nodes web3 app 10.0.0.1:80 10.0.0.2:80 10.0.0.3:80 10.0.0.4:80
    [ "$(cat "$BASE/web1/.balancerfs-missed")" = "9 else add app 10.0.0.8:80" ]
}
