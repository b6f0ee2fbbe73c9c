#!/usr/bin/env bats
# A change over several hosts: on all of them or on none, whatever one of them does.
# shellcheck disable=SC2016,SC2034,SC2154  # settings read by many.bash

bats_require_minimum_version 1.5.0
load many
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    many_hosts web1 web2 web3
}

has_nodes() # HOST POOL NODE...
{
    diff <(sed -n 's/^ *server \([^ ;]*\).*/\1/p' "$BASE/$1/$2.conf" | grep -v '^127.0.0.1:1$' | sort) <(printf '%s\n' "${@:3}" | sed '/^$/d' | sort)
}

@test "a change is on every host, and is what is listed" {
    run cli -- apply add:app/10.0.0.1:80 add:app/10.0.0.2:80 create:empty , apply del:app/10.0.0.1:80 , pools
    assert_success
    assert_output $'app\napp/10.0.0.2:80\nempty'
    same_everywhere
    clean_everywhere
    has_nodes web2 app 10.0.0.2:80
}

@test "one host's test refuses: all have their old files, and its words are told" {
    cli -- apply add:app/10.0.0.1:80
    host_sees web1 >"$BASE/before"
    cp -al "$BASE/web1/app.conf" "$BASE/kept"
    TEST_CMD='[ $HOST != web2 ] || { echo "emerg: no such host in app.conf"; exit 1; }'
    run cli -- apply add:app/10.0.0.2:80 create:new
    assert_failure
    assert_output --partial "EREMOTEIO web2: "
    assert_output --partial "emerg: no such host in app.conf"
    host_sees web1 | diff "$BASE/before" -
    [ "$BASE/kept" -ef "$BASE/web1/app.conf" ]
    same_everywhere
    clean_everywhere
}

@test "one host's reload refuses: all are rolled back, and have reloaded that" {
    cli -- apply add:app/10.0.0.1:80
    host_sees web1 >"$BASE/before"
    RELOAD_CMD="grep -c server app.conf >>$BASE/run/\$HOST.reloads; [ \$HOST != web3 ] || ! grep 10.0.0.2 app.conf"
    run cli -- apply add:app/10.0.0.2:80 , status
    assert_failure
    assert_line --partial "EREMOTEIO web3: "
    assert_line --partial "server 10.0.0.2:80;"
    assert_line --regexp "^web3 up web3: .*10.0.0.2"
    host_sees web1 | diff "$BASE/before" -
    same_everywhere
    clean_everywhere
    for host in web1 web2 web3; do [ "$(tr '\n' ' ' <"$BASE/run/$host.reloads")" = "2 1 " ]; done
}

@test "a host that cannot go back is named, and what is in force there is unknown" {
    cli -- apply add:app/10.0.0.1:80
    RELOAD_CMD='case $HOST in web1) grep -q 10.0.0.2 app.conf || { echo "no way back"; exit 1; } ;; web2) grep -q 10.0.0.2 app.conf || sleep 3 ;; web3) ! grep 10.0.0.2 app.conf ;; esac'
    run cli -- apply add:app/10.0.0.2:80
    assert_failure
    assert_output --partial "EIO web3: "
    assert_output --regexp "; and web1 may still use the new files: web1: with the old files: no way back\$"
    # The way back may take its time, too.
    refute_output --partial "web2:"
    same_everywhere
    clean_everywhere
    has_nodes web1 app 10.0.0.1:80
}

@test "a commit that is lost, and somebody else's change before it is asked about: unknown" {
    many_hosts web1
    cli -- apply add:app/10.0.0.1:80
    RELOAD_CMD="[ -e $BASE/run/once ] || { touch $BASE/run/once; sed -i 's/^}/  server 10.0.0.9:80;\n}/' app.conf; kill -9 \$(tail -n 1 $BASE/run/web1.pids); }"
    run cli -- apply add:app/10.0.0.2:80 , pools
    assert_failure
    assert_line --partial "EIO it is unknown whether the change is in force: web1: "
    assert_line app/10.0.0.2:80
    assert_line app/10.0.0.9:80
}

@test "a host that is down: nothing is changed on the others, and it is named" {
    host_down web2
    run cli -- apply add:app/10.0.0.1:80 , pools , status
    assert_failure
    assert_line --regexp "^E(CONNREFUSED|HOSTUNREACH) web2: .*Connection refused"
    assert_line --regexp "^web2 down .*Connection refused"
    [ -z "$(host_sees web1)$(host_sees web3)" ]
    clean_everywhere
}

@test "a session that dies while idle is opened again, and nobody sees an error" {
    serve
    do_ apply add:app/10.0.0.1:80
    for host in web1 web2 web3; do kill -9 "$(sessions $host)"; done
    do_ apply add:app/10.0.0.2:80 , pools
    [ "$RC" -eq 0 ]
    for host in web1 web2 web3; do kill -9 "$(sessions $host)"; done
    do_ pools
    [ "$OUT" = $'app\napp/10.0.0.1:80\napp/10.0.0.2:80\n' ]
    serve_end
    same_everywhere
}

@test "one change is prepare and commit; what is known is not read again" {
    cat >"$BASE/run/sh" <<'SH'
#!/bin/bash
exec tee -a "$BASE/run/$HOST.in" | /bin/sh "$@"
SH
    export BALANCERFS_AGENT_SHELL="$BASE/run/sh" BASE
    chmod +x "$BASE/run/sh"
    serve
    do_ apply add:app/10.0.0.1:80 , pools
    for host in web1 web2 web3; do : >"$BASE/run/$host.in"; done
    for n in 2 3 4; do do_ apply add:app/10.0.0.$n:80 "create:p$n"; done
    serve_end
    for host in web1 web2 web3; do
        grep -aoE '^(read|prepare|commit|forget|lock|abort)' "$BASE/run/$host.in" | tr '\n' ' ' >"$BASE/run/$host.requests"
        assert_equal "$(cat "$BASE/run/$host.requests")" "prepare commit forget prepare commit forget prepare commit forget "
    done
}

@test "what others and people change meanwhile is not lost" {
    serve
    do_ apply add:app/10.0.0.1:80
    cli -- apply add:app/10.0.0.2:80
    do_ apply add:app/10.0.0.3:80
    [ "$RC" -eq 0 ]
    for host in web1 web2 web3; do sed -i 's/10.0.0.1:80/10.0.0.1:80 weight=7/; s/^}/    keepalive 4;\n}/' "$BASE/$host/app.conf"; done
    do_ apply add:app/10.0.0.4:80 , apply del:app/10.0.0.2:80 , pools
    [ "$RC" -eq 0 ]
    serve_end
    has_nodes web1 app 10.0.0.1:80 10.0.0.3:80 10.0.0.4:80
    grep -q 'weight=7' "$BASE/web2/app.conf"
    grep -q 'keepalive 4' "$BASE/web3/app.conf"
    same_everywhere
}

@test "hosts that differ are shown; the next change of that pool brings the nodes of each to all" {
    cli -- apply add:app/10.0.0.1:80 add:web/10.0.0.1:80
    sed -i 's/^}/  server 10.0.0.7:80 weight=3;\n}/' "$BASE/web2/app.conf"
    sed -i '/10.0.0.1/d; s/^}/  server 10.0.0.8:80;\n}/' "$BASE/web3/app.conf"
    rm "$BASE/web1/web.conf"
    run cli -- pools
    assert_line "app/10.0.0.7:80 only on web2"
    assert_line "app/10.0.0.1:80 only on web1, web2"
    assert_line "web only on web2, web3"
    run cli -- apply add:app/10.0.0.2:80 , pools
    assert_success
    assert_line "app/10.0.0.7:80"
    for host in web1 web2 web3; do has_nodes $host app 10.0.0.1:80 10.0.0.2:80 10.0.0.7:80 10.0.0.8:80; done
    # A pool that the change is not about stays as it is; deleting what only one has is enough to mend.
    assert_line "web only on web2, web3"
    run cli -- apply add:web/10.0.0.9:80 , apply del:web/10.0.0.1:80 , pools
    assert_line "web"
    for host in web1 web2 web3; do has_nodes $host web 10.0.0.9:80; done
}

@test "that there is nothing to do is not said while another's change is undecided" {
    cli -- apply add:app/10.0.0.1:80
    TEST_CMD="touch $BASE/run/at.\$HOST; while [ ! -e $BASE/run/go ]; do sleep 0.05; done; [ \$HOST != web3 ]"
    cli -- apply add:app/10.0.0.2:80 >"$BASE/refused" 2>&1 &
    for host in web1 web2 web3; do eventually test -e "$BASE/run/at.$host"; done
    TEST_CMD=true
    # It is in web1's files by now, and will be gone again.
    cli -- apply add:app/10.0.0.2:80 >"$BASE/second" 2>&1 &
    second=$!
    sleep 0.5
    touch "$BASE/run/go"
    wait $second
    grep -q EREMOTEIO "$BASE/refused"
    for host in web1 web2 web3; do has_nodes $host app 10.0.0.1:80 10.0.0.2:80; done
    wait
    clean_everywhere
}

@test "files that hold no pool, or more than can be edited, are named" {
    cli -- apply add:app/10.0.0.1:80
    echo 'server { }' >"$BASE/web2/shop.conf"
    run cli -- apply add:shop/10.0.0.1:80
    assert_failure
    assert_line --regexp "^EREMOTEIO .*shop.conf"
    mkdir "$BASE/web3/dir.conf"
    run cli -- apply add:dir/10.0.0.1:80
    assert_failure
    assert_line --partial "EREMOTEIO web3: $POOLS/dir.conf is no file that can be read"
    [ ! -e "$BASE/web1/dir.conf" ]
    clean_everywhere
}

@test "the daemon is killed at each step: every host has old or new, and the next one goes on" {
    cli -- apply add:app/10.0.0.1:80
    for step in test reload; do
        rm -f "$BASE"/run/{at.*,go}
        hold="touch $BASE/run/at.\$HOST; while [ ! -e $BASE/run/go ]; do sleep 0.05; done"
        TEST_CMD=true RELOAD_CMD=true
        if [ $step = test ]; then TEST_CMD=$hold; else RELOAD_CMD=$hold; fi
        serve
        ask_ apply add:app/10.0.0.2:80 add:new/10.0.0.1:80
        for host in web1 web2 web3; do eventually test -e "$BASE/run/at.$host"; done
        serve_kill
        touch "$BASE/run/go"
        eventually clean_everywhere
        same_everywhere
        if [ $step = test ]; then
            has_nodes web1 app 10.0.0.1:80 && [ ! -e "$BASE/web1/new.conf" ]
        else
            has_nodes web1 app 10.0.0.1:80 10.0.0.2:80 && has_nodes web1 new 10.0.0.1:80
        fi
        TEST_CMD=true RELOAD_CMD=true
        run cli -- apply add:app/10.0.0.3:80 , apply del:app/10.0.0.3:80
        assert_success
    done
}

@test "fifty hosts are tested at the same time, and reloaded at the same time" {
    hosts=()
    for n in {1..50}; do hosts+=("h$n"); done
    many_hosts "${hosts[@]}"
    # Each waits for all the others.
    cat >"$BASE/run/meet" <<MEET
#!/bin/sh
touch "$BASE/run/\$1.\$HOST"
i=0
while set -- "\$1" "$BASE/run/\$1".*; [ \$# -lt 51 ]; do
    sleep 0.2
    i=\$((i + 1))
    [ \$i -lt 200 ] || exit 1
done
MEET
    chmod +x "$BASE/run/meet"
    TEST_CMD="$BASE/run/meet test" RELOAD_CMD="$BASE/run/meet reload"
    run cli timeout=120 connect_timeout=60 -- apply add:app/10.0.0.1:80
    assert_success
    same_everywhere
}
