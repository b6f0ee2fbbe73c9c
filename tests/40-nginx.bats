#!/usr/bin/env bats
# nginx on three real hosts: sshd, sudo with a password, requests through each nginx to real nodes.
# shellcheck disable=SC2154  # HOST_, NODE_ and the like come from lab_env

bats_require_minimum_version 1.5.0
load lab
load ssh
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start web1 web2 web3 -- n1 n2 n3
}

teardown_file()
{
    lab_stop
}

setup()
{
    client_setup
}

teardown()
{
    touch "$BATS_TEST_TMPDIR/stop"
    for host in web1 web2 web3; do
        lab heal $host
        lab sudo $host password
        lab exec $host sh -c 'rm -f /etc/nginx/sites-enabled/*.conf /etc/nginx/conf.d/*; /etc/init.d/nginx reload'
    done
}

# on_all [KEY=VALUE]... -- COMMAND...
on_all()
{
    nginx web1 hosts="$HOST_web1" hosts="$HOST_web2" hosts="$HOST_web3" password_file="${PASSWORD:-$PASSWORD_FILE}" timeout=30 "$@"
}

# served POOL [NODE]...: on every host exactly these nodes answer, within 10 s
served()
{
    local host
    for host in "$HOST_web1" "$HOST_web2" "$HOST_web3"; do
        poll answers_are "$host" "$@" || { answers "$host" "$1" >&2; return 1; }
    done
}

answers()
{
    for _ in 1 2 3 4 5 6; do http_get "$1" "/$2/" 2>&1; done | sort -u
}

answers_are()
{
    [ "$(answers "$1" "$2")" = "$(printf '%s\n' "${@:3}")" ]
}

conf() # HOST FILE: where it is seen from here
{
    lab root "$1" "/etc/nginx/sites-enabled/$2"
}

same()
{
    cmp "$(conf web1 "$1")" "$(conf web2 "$1")" && cmp "$(conf web1 "$1")" "$(conf web3 "$1")"
}

@test "a node that is added is reached through every nginx, and no more once it is deleted" {
    run on_all -- apply "add:app/$NODE_n1"
    assert_success
    served app n1
    on_all -- apply "add:app/$NODE_n2" "add:web/$NODE_n3"
    served app n1 n2
    served web n3
    run on_all -- apply "del:app/$NODE_n1" , pools
    assert_success
    assert_output $'app\n'"app/$NODE_n2"$'\nweb\n'"web/$NODE_n3"
    served app n2
    same app.conf
    [ "$(stat -c '%U %a' "$(conf web2 app.conf)")" = "root 644" ]
}

@test "an empty pool stays, in a form that nginx takes" {
    on_all -- apply create:app , apply "add:app/$NODE_n1" , apply "del:app/$NODE_n1"
    grep -q 'server 127.0.0.1:1 down;' "$(conf web3 app.conf)"
    run on_all -- pools
    assert_output app
    run http_get "$HOST_web1" /app/
    assert_failure
    assert_output --partial "502"
    on_all -- apply "add:app/$NODE_n2"
    served app n2
    on_all -- apply "del:app/$NODE_n2" , apply remove:app
    [ ! -e "$(conf web1 app.conf)" ]
}

@test "what people wrote, and what Velociraptor wrote, is read and kept" {
    for host in web1 web2 web3; do
        printf 'upstream app {\n    # careful\n    least_conn;\n    server %s weight=3 max_fails=2;\n    keepalive 8;\n}\n' "$NODE_n1" >"$(conf $host app.conf)"
        printf 'upstream old {\n  server %s;\n}\n' "$NODE_n2" >"$(conf $host old.conf)"
    done
    run on_all -- pools
    assert_output $'app\n'"app/$NODE_n1"$'\nold\n'"old/$NODE_n2"
    on_all -- apply "add:app/$NODE_n2" "add:old/$NODE_n3" , apply "del:old/$NODE_n2"
    served app n1 n2
    served old n3
    for line in '# careful' least_conn 'weight=3 max_fails=2' 'keepalive 8'; do grep -q "$line" "$(conf web2 app.conf)"; done
}

@test "a configuration that nginx refuses is put back on all, and nginx's own words are told" {
    on_all -- apply "add:app/$NODE_n1"
    cp "$(conf web1 app.conf)" "$BATS_TEST_TMPDIR/before"
    run on_all -- apply add:app/no-such-host.invalid:80 , status
    assert_failure
    assert_line --regexp "^EREMOTEIO $HOST_web1: nginx -t -q: .*host not found in upstream \"no-such-host.invalid:80\" in /etc/nginx/sites-enabled/app.conf"
    assert_line --regexp "^$HOST_web1 up $HOST_web1: .*host not found in upstream"
    for host in web1 web2 web3; do cmp "$BATS_TEST_TMPDIR/before" "$(conf $host app.conf)"; done
    served app n1
}

@test "one host's nginx alone refuses: nothing changes on any" {
    on_all -- apply "add:app/$NODE_n1"
    # Some other site there names a pool of which only web3 knows.
    lab exec web3 sh -c 'echo "upstream web { server 10.0.0.1:80; }" >/etc/nginx/conf.d/mine.conf; /etc/init.d/nginx reload'
    run on_all -- apply "add:web/$NODE_n2" "add:app/$NODE_n2"
    assert_failure
    assert_output --regexp "^EREMOTEIO $HOST_web3: .*duplicate upstream \"web\""
    for host in web1 web2 web3; do [ ! -e "$(conf $host web.conf)" ]; done
    served app n1
}

@test "a pool that a site uses cannot be removed" {
    on_all -- apply "add:app/$NODE_n1"
    lab exec web2 sh -c 'printf "server { listen 8081; location / { proxy_pass http://app; } }\n" >/etc/nginx/conf.d/site.conf; /etc/init.d/nginx reload'
    run on_all -- apply "del:app/$NODE_n1" , apply remove:app
    assert_failure
    assert_output --regexp "^EBUSY .*$HOST_web2: nginx -t -q: .*host not found in upstream \"app\""
    for host in web1 web2 web3; do [ -e "$(conf $host app.conf)" ]; done
    lab exec web2 rm /etc/nginx/conf.d/site.conf
    on_all -- apply remove:app
}

@test "a dead host, a wrong password, a changed key: nothing changes, and the reason is told" {
    on_all -- apply "add:app/$NODE_n1"
    lab cut web2
    run on_all connect_timeout=5s -- apply "add:app/$NODE_n2"
    assert_failure
    assert_output --regexp "^(ETIMEDOUT|EHOSTUNREACH) .*$HOST_web2"
    lab heal web2
    (umask 077 && echo wrong >"$BATS_TEST_TMPDIR/password")
    PASSWORD=$BATS_TEST_TMPDIR/password run on_all -- apply "add:app/$NODE_n2"
    assert_failure
    assert_output --regexp "^EACCES .*$HOST_web1"
    # Of the same type, so that it can be compared at all.
    { grep -v "^$HOST_web3," "$KNOWN_HOSTS" && echo "$HOST_web3 $(cut -d' ' -f1,2 "$IDENTITY.pub")"; } >"$BATS_TEST_TMPDIR/known"
    run on_all known_hosts="$BATS_TEST_TMPDIR/known" -- apply "add:app/$NODE_n2"
    assert_failure
    assert_output --regexp "^EACCES .*$HOST_web3"
    lab sudo web3 none
    run on_all -- apply "add:app/$NODE_n2"
    assert_failure
    assert_output --regexp "^EACCES $HOST_web3: sudo: "
    served app n1
}

# load HOST: requests to /app/ until $BATS_TEST_TMPDIR/stop; failures and answers in files
load_on()
{
    # shellcheck disable=SC2016
    lab run bash -c 'until [ -e "$2/stop" ]; do
        curl -s -g --fail --noproxy "*" --max-time 5 "http://$1/app/" >>"$2/answers.$1" 2>/dev/null || echo "$?" >>"$2/failures.$1"
        echo >>"$2/answers.$1"
    done' - "$1" "$BATS_TEST_TMPDIR" 3>&- &
}

many_answers()
{
    [ "$(wc -l <"$BATS_TEST_TMPDIR/answers.$HOST_web3")" -gt 100 ]
}

@test "requests while nodes come and go: none fails" {
    on_all -- apply "add:app/$NODE_n1"
    served app n1
    for host in "$HOST_web1" "$HOST_web3"; do load_on "$host"; done
    # Each has its turn, seen in the answers; then as fast as it goes.
    on_all -- apply "add:app/$NODE_n2"
    poll grep -q n2 "$BATS_TEST_TMPDIR/answers.$HOST_web1"
    on_all -- apply "add:app/$NODE_n3" "del:app/$NODE_n1"
    poll grep -q n3 "$BATS_TEST_TMPDIR/answers.$HOST_web1"
    on_all -- apply "add:app/$NODE_n1" "del:app/$NODE_n2" "del:app/$NODE_n3"
    for _ in 1 2 3 4; do
        on_all -- apply "add:app/$NODE_n2" , apply "add:app/$NODE_n3" "del:app/$NODE_n1" , apply "add:app/$NODE_n1" "del:app/$NODE_n2" "del:app/$NODE_n3"
    done
    poll many_answers
    touch "$BATS_TEST_TMPDIR/stop"
    wait
    cat "$BATS_TEST_TMPDIR"/failures.* 2>/dev/null && false
    grep -q n1 "$BATS_TEST_TMPDIR/answers.$HOST_web1"
}

@test "the password is in no log, and nowhere on a command line" {
    on_all -- apply "add:app/$NODE_n1"
    for host in web1 web2 web3; do
        run lab exec $host grep -rlF "$(cat "$PASSWORD_FILE")" /var/log /etc/nginx /tmp
        assert_output ""
    done
}
