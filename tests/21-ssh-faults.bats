#!/usr/bin/env bats
# Transport ssh: hosts that are down, cut off, frozen, busy or no SSH servers. Nothing waits for ever, and each has its errno.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2034  # HOST_ and the like come from lab_env; what is quoted is for the hosts; tests are subshells

bats_require_minimum_version 1.5.0
load lab
load ssh
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start web1
}

teardown_file()
{
    lab_stop
}

setup()
{
    client_setup
    cd "$BATS_TEST_TMPDIR" || return 1
    key=("identity_file=$IDENTITY")
    held=()
}

teardown()
{
    [ ${#held[@]} -eq 0 ] || kill "${held[@]}" 2>/dev/null || true
    lab heal web1
    lab thaw web1
    host_unlisten
    lab start-ssh web1
    [ ! -e "$(lab root web1 /etc/ssh/sshd_config.d/10-test.conf)" ] || sshd_with web1
}

# within SECONDS CMD...: `run`, which must end by then. Generous: what it tells from is "never".
within()
{
    export BOUND=$1
    run "${@:2}"
    [ "$status" -ne 124 ] || fail "has not ended after $1 s: $output"
}

# host_listen PORT WHAT: WHAT, of socat, is at that port of web1 until the end of the test.
host_listen()
{
    lab exec web1 timeout 300 socat "TCP-LISTEN:$1,fork,reuseaddr" "$2" >/dev/null 2>&1 3>&- &
    poll lab run bash -c "exec 3<>/dev/tcp/$HOST_web1/$1"
}

host_unlisten()
{
    lab exec web1 pkill socat || true
}

# session NAME CMD: one that is open, in the background; its output in "session", its result in "result".
session()
{
    mkfifo to
    { remote "$1" "${key[@]}" -- "$2" <to >session 2>error && echo 0 >result || echo $? >result; } &
    exec 7>to
    poll grep -q open session
}

session_end()
{
    exec 7>&-
    poll test -s result
    wait
}

@test "nobody listens" {
    lab kill-ssh web1
    within 20 remote web1 "${key[@]}"
    errno ECONNREFUSED "cannot connect to port 22: Connection refused"
    lab start-ssh web1
    run remote web1 port=2223 "${key[@]}"
    errno ECONNREFUSED "cannot connect to port 2223"
}

@test "no way there" {
    run remote web1 hosts=203.0.113.1 "${key[@]}"
    errno EHOSTUNREACH "cannot connect to port 22: Network is unreachable"
    run remote web1 hosts=no-such-name.invalid "${key[@]}"
    errno EHOSTUNREACH "no address for no-such-name.invalid"
}

@test "a name server that does not answer" {
    echo "nameserver 10.77.9.9" >resolv.conf
    run timeout 30 env LAB_STATE="$LAB_STATE" "$BATS_TEST_DIRNAME/lab" run unshare -m sh -c 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"' - \
        "$PWD/resolv.conf" "$BIN/remote_cli" hosts=slow.example.com known_hosts="$KNOWN_HOSTS" connect_timeout=1s 3>&-
    errno ETIMEDOUT "looking up the name slow.example.com took too long"
}

@test "no SSH server" {
    within 20 remote web1 port=80 "${key[@]}"
    errno ECONNREFUSED "there is no SSH server at port 80: it says \""
    # One that says nothing.
    host_listen 7777 EXEC:'sleep 20'
    within 20 remote web1 port=7777 connect_timeout=1s "${key[@]}"
    errno ETIMEDOUT "did not answer in time"
    host_unlisten
}

@test "a server that is noise" {
    host_listen 7778 SYSTEM:'echo SSH-2.0-noise; head -c 100000 /dev/urandom; sleep 5'
    within 20 remote web1 port=7778 connect_timeout=2s "${key[@]}"
    assert_equal "$status" 1
    assert_output --regexp '^(EHOSTUNREACH|ETIMEDOUT|EACCES) '
    host_unlisten
}

@test "a host that is cut off does not hold up an opening" {
    for way in in out both; do
        lab cut web1 $way
        within 20 remote web1 connect_timeout=1s "${key[@]}"
        errno ETIMEDOUT "did not answer in time"
        lab heal web1
    done
}

@test "a frozen host does not hold up an opening" {
    lab freeze web1
    within 20 remote web1 connect_timeout=1s "${key[@]}"
    errno ETIMEDOUT "did not answer in time"
    lab thaw web1
    run remote web1 "${key[@]}" -- hostname
    assert_output web1
}

@test "a session that is cut off, or frozen, is noticed by its deadline, and closed at once" {
    OPTIONS="-t 2000"
    for fault in cut freeze; do
        rm -f to result
        session web1 'echo open; cat'
        lab $fault web1
        echo question >&7
        poll test -s result
        session_end
        assert_equal "$(cat result)" 1
        run cat error
        assert_output --partial ETIMEDOUT
        lab heal web1
        lab thaw web1
    done
}

@test "much to write to a host that is cut off ends by the deadline" {
    OPTIONS="-t 2000"
    session web1 'echo open; cat >/dev/null'
    lab cut web1
    head -c 20000000 /dev/zero >&7 2>/dev/null || true
    session_end
    assert_equal "$(cat result)" 1
    run cat error
    assert_output --partial "ETIMEDOUT"
}

@test "a killed session is a lost connection; sshd is found again" {
    session web1 'echo open; cat'
    lab kill-ssh web1
    session_end
    assert_equal "$(cat result)" 1
    run cat error
    assert_output --partial "EIO the connection to $HOST_web1 is lost"
    lab start-ssh web1
    run remote web1 "${key[@]}" -- hostname
    assert_output web1
}

@test "an idle session that dies is opened again without an error" {
    mkfifo to
    nginx web1 "${key[@]}" "password_file=$PASSWORD_FILE" -- apply add:app/10.0.0.1:80 , wait , apply add:app/10.0.0.2:80 , pools <to >out 2>&1 &
    exec 7>to
    poll grep -qs 10.0.0.1 "$(lab root web1 /etc/nginx/sites-enabled)/app.conf"
    # Those that are there, once: not what is opened then.
    lab exec web1 sh -c 'kill -9 $(pgrep -f "^sshd: deploy")'
    echo >&7
    exec 7>&-
    wait $! || { cat out; false; }
    run cat out
    assert_output "$(printf 'app\napp/10.0.0.1:80\napp/10.0.0.2:80')"
}

@test "a host that hangs up anywhere before it has refused anything is asked again" {
    # The first connection gets so many bytes of the host, the next gets all.
    cat >"$(lab root web1 /usr/local/bin/short)" <<'SHORT'
#!/bin/sh
read -r bytes </run/short && : >/run/short
if [ -n "$bytes" ]; then
    socat - TCP:127.0.0.1:22 | { dd bs=1 count="$bytes" 2>/dev/null; kill $PPID; }
else
    exec socat - TCP:127.0.0.1:22
fi
SHORT
    lab exec web1 sh -c 'chmod 755 /usr/local/bin/short; : >/run/short'
    host_listen 2222 EXEC:short
    sed "s/^[^ ]*/[$HOST_web1]:2222/" "$KNOWN_HOSTS" >known
    for bytes in 0 10 41 500 1200 1600 1800 2000 2200; do
        echo $bytes >"$(lab root web1 /run/short)"
        run remote web1 port=2222 known_hosts="$PWD/known" "${key[@]}" -- hostname
        [ "$output" = web1 ] || fail "after $bytes bytes: $output"
        [ ! -s "$(lab root web1 /run/short)" ]
    done
}

# How many connections web1 has taken so far.
taken()
{
    lab exec web1 awk '/^Tcp: [0-9]/ { print $7 }' /proc/net/snmp
}

@test "MaxStartups: asked again until there is room, or the deadline" {
    sshd_with web1 "MaxStartups 2:100:2" "LoginGraceTime 60"
    for i in 1 2; do
        lab run bash -c "exec 3<>/dev/tcp/$HOST_web1/22; read -r line <&3; echo \$\$ >held$i; exec sleep 30" 3>&- &
        poll test -s held$i
        held+=("$(cat held$i)")
    done
    within 20 remote web1 connect_timeout=1s "${key[@]}"
    errno ECONNREFUSED "hangs up at once: too many logins at a time (MaxStartups)"
    local before
    before=$(taken)
    remote web1 "${key[@]}" -- hostname >out 2>&1 &
    client=$!
    poll eval '[ "$(taken)" -gt $((before + 2)) ]'
    kill "${held[@]}"
    held=()
    wait $client
    assert_equal "$(cat out)" web1
}

@test "MaxSessions: one is enough, none is refused" {
    sshd_with web1 "MaxSessions 1"
    run nginx web1 "${key[@]}" "password_file=$PASSWORD_FILE" -- apply add:app/10.0.0.1:80 , pools
    assert_success
    sshd_with web1 "MaxSessions 0"
    run remote web1 "${key[@]}"
    errno EACCES "opens no session (MaxSessions)"
}

@test "ten at once to one host" {
    for i in 1 2 3 4 5 6 7 8 9 10; do
        remote web1 "${key[@]}" -- hostname >out$i 2>&1 &
    done
    wait
    assert_equal "$(cat out* | sort | uniq -c | tr -d ' ')" 10web1
}

@test "many sessions, one after the other, leave nothing open" {
    run in_client prlimit --nofile=12 "$BIN/remote_cli" -n 10 user=deploy hosts="$HOST_web1" known_hosts="$KNOWN_HOSTS" "${key[@]}" -- 'echo x'
    assert_success
    assert_equal "${#lines[@]}" 10
}

@test "what a command leaves behind on either stream is read to its end" {
    run --separate-stderr remote web1 "${key[@]}" -- 'echo out; echo error >&2; exit 3'
    assert_success
    assert_equal "$output" out
    assert_equal "$stderr" error
    run remote web1 "${key[@]}" -- 'exec >&-; echo error >&2; exec 2>&-'
    assert_output error
    run remote web1 "${key[@]}" -- 'kill -9 $$'
    assert_success
    for i in 1 2 3 4 5; do
        run remote web1 "${key[@]}" -- 'head -c 200000 /dev/zero | tr "\0" x; head -c 200000 /dev/zero | tr "\0" y >&2'
        assert_equal "${#output}" 400000
    done
}
