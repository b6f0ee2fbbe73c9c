#!/usr/bin/env bats
# Real hosts go wrong at each step of a change: every one ends with its complete old or complete new files, no lock is
# left, nobody waits for ever, and the errno is true.
# shellcheck disable=SC2016,SC2034,SC2154  # HOST_ and the like come from lab_env, settings are read by many.bash

bats_require_minimum_version 1.5.0
load lab
load ssh
load many
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start web1 web2
    for host in web1 web2; do
        # hold WHAT: waits as long as there is /tmp/hold.WHAT; a reboot forgets it.
        cat >"$(lab root $host /usr/local/bin/hold)" <<'HOLD'
#!/bin/sh
[ -e "/tmp/hold.$1" ] || exit 0
touch "/tmp/at.$1"
while [ -e "/tmp/hold.$1" ]; do sleep 0.05; done
HOLD
        chmod +x "$(lab root $host /usr/local/bin/hold)"
    done
}

teardown_file()
{
    lab_stop
}

setup()
{
    client_setup
    export BALANCERFS_AGENT_BEAT=2 BALANCERFS_AGENT_PING=2
    DIR=/etc/nginx/sites-enabled
    cat >"$BATS_TEST_TMPDIR/cli" <<CLI
#!/bin/sh
echo \$\$ >$BATS_TEST_TMPDIR/pid
exec $BIN/driver_cli nginx "\$@"
CLI
    chmod +x "$BATS_TEST_TMPDIR/cli"
    for host in web1 web2; do lab exec $host sh -c "rm -rf $DIR/*.conf $DIR/.balancerfs* /tmp/*"; done
}

teardown()
{
    for host in web1 web2; do
        lab boot $host 2>/dev/null || true
        lab thaw $host
        lab heal $host
        lab sudo $host password
        lab start-ssh $host
    done
    lab_env
}

# both [KEY=VALUE]... -- COMMAND...
both()
{
    client "$BATS_TEST_TMPDIR/cli" web1 hosts="$HOST_web1" hosts="$HOST_web2" password_file="$PASSWORD_FILE" timeout=9 connect_timeout=2 \
        test_cmd="${TEST:-hold test; nginx -t -q}" reload_cmd='hold reload; /etc/init.d/nginx reload' "$@"
}

file() # HOST NAME
{
    lab root "$1" "$DIR/$2"
}

state() # HOST: old, new, or what else
{
    local app web
    app=$(grep -c 10.0.0.2:80 "$(file "$1" app.conf)")
    web=$([ -e "$(file "$1" web.conf)" ] && cat "$(file "$1" web.conf)")
    case "$app ${web:+has}" in
    "0 ") echo old ;;
    "1 has") [[ $web == *10.0.0.1:80*'}'* ]] && echo new || echo short ;;
    *) echo mixed ;;
    esac
}

settled() # HOST old|new: so it is, and no lock is held
{
    [ "$(state "$1")" = "$2" ] && lab exec "$1" sh -c "cd $DIR/.balancerfs && flock -n lock true && [ ! -s begin ]"
}

# The change: one file altered, one made. Stops at WHAT on web2 until let_go.
begin() # WHAT [KEY=VALUE]...
{
    both -- apply add:app/10.0.0.1:80
    lab exec web2 sh -c "rm -f /tmp/at.*; touch /tmp/hold.$1"
    serve_with both "${@:2}" -- serve
    ask_ apply add:app/10.0.0.2:80 add:web/10.0.0.1:80
    eventually lab exec web2 test -e "/tmp/at.$1"
}

let_go()
{
    lab exec web2 sh -c 'rm -f /tmp/hold.*'
}

converges() # old|new...: both hosts the same, one of these, and the next change goes through
{
    local one
    eventually both_are "$@" || return 1
    both -- apply add:app/10.0.0.9:80 , apply del:app/10.0.0.9:80
}

both_are()
{
    local which
    for which in "$@"; do
        ! settled web1 "$which" || ! settled web2 "$which" || return 0
    done
    return 1
}

@test "killed while a host tests: old on both" {
    begin test
    kill -9 "$(cat "$BATS_TEST_TMPDIR/pid")"
    serve_end
    let_go
    converges old
}

@test "killed while a host reloads: each has old or new, complete; the next change mends" {
    begin reload
    kill -9 "$(cat "$BATS_TEST_TMPDIR/pid")"
    serve_end
    let_go
    converges new
}

@test "cut off while a host tests: old on both, and an error in time" {
    for way in both out; do
        begin test
        lab cut web2 $way
        let_go
        reply_
        echo "$RC $OUT"
    echo "$RC $OUT"
        [ "$RC" -eq 1 ]
        [[ "$OUT" =~ ^(ETIMEDOUT|EHOSTUNREACH)\ .*$HOST_web2 ]]
        eventually settled web1 old
        eventually settled web2 old
        lab heal web2
        converges old
        serve_end
        rm -f "$(file web1 web.conf)" "$(file web2 web.conf)"
    done
}

@test "a host that has passed its test does not hear the decision: EIO, and it converges to what was decided" {
    begin test
    lab cut web2 in
    let_go
    reply_
    echo "$RC $OUT"
    [ "$RC" -eq 1 ]
    [[ "$OUT" == "EIO it is unknown whether the change is in force: "*"$HOST_web2"* ]]
    settled web1 new
    eventually settled web2 old
    lab heal web2
    serve_end
    both -- pools
    converges new
}

@test "cut off while a host reloads, for good: EIO, and it converges when it is back" {
    for way in both out; do
        begin reload
        lab cut web2 $way
        let_go
        reply_
        echo "$RC $OUT"
    echo "$RC $OUT"
        [ "$RC" -eq 1 ]
        [[ "$OUT" == "EIO it is unknown whether the change is in force: "*"$HOST_web2"* ]]
        eventually settled web1 new
        eventually settled web2 new
        lab heal web2
        serve_end
        converges new
        lab exec web1 sh -c "rm -f $DIR/*.conf"
        lab exec web2 sh -c "rm -f $DIR/*.conf"
    done
}

@test "cut off while a host reloads, for a moment: as if nothing was" {
    begin reload
    lab cut web2 in
    let_go
    eventually settled_or_new web2
    lab heal web2
    reply_
    echo "$RC $OUT"
    [ "$RC" -eq 0 ]
    serve_end
    converges new
}

settled_or_new()
{
    [ "$(state "$1")" = new ]
}

@test "the power fails while a host tests: old on both once it is back" {
    begin test
    lab crash web2
    reply_
    echo "$RC $OUT"
    [ "$RC" -eq 1 ]
    [[ "$OUT" =~ ^(ETIMEDOUT|EHOSTUNREACH)\ .*$HOST_web2 ]]
    eventually settled web1 old
    # The daemon is told by nobody that it is back; still the files it died with are put right before anybody asks.
    lab boot web2
    eventually settled web2 old
    serve_end
    converges old
}

@test "the power fails while a host reloads: EIO, then new on both" {
    begin reload
    lab crash web2
    reply_
    echo "$RC $OUT"
    [ "$RC" -eq 1 ]
    [[ "$OUT" == "EIO "*"$HOST_web2"* ]]
    settled web1 new
    lab boot web2
    eventually settled web2 new
    serve_end
    converges new
}

@test "a host freezes while it tests or reloads: an error in time, and both the same at the end" {
    begin test
    lab freeze web2
    reply_
    echo "$RC $OUT"
    [ "$RC" -eq 1 ]
    [[ "$OUT" =~ ^(ETIMEDOUT|EHOSTUNREACH)\ .*$HOST_web2 ]]
    eventually settled web1 old
    lab thaw web2
    let_go
    serve_end
    converges old
    begin reload
    lab freeze web2
    reply_
    echo "$RC $OUT"
    [ "$RC" -eq 1 ]
    [[ "$OUT" == "EIO "*"$HOST_web2"* ]]
    lab thaw web2
    let_go
    serve_end
    both -- pools
    converges new
}

@test "the session is killed while a host tests or reloads" {
    begin test
    lab kill-ssh web2 sessions
    let_go
    reply_
    echo "$RC $OUT"
    # It was not decided yet, so it could be done again.
    [ "$RC" -eq 0 ]
    serve_end
    converges new
    both -- apply del:app/10.0.0.2:80 del:web/10.0.0.1:80 , apply remove:web
    begin reload
    lab kill-ssh web2 sessions
    let_go
    reply_
    echo "$RC $OUT"
    # Asked, it can tell that it has the new files.
    [ "$RC" -eq 0 ]
    serve_end
    converges new
}

@test "sudo is withdrawn half-way: refused, and old on both" {
    begin test
    lab sudo web2 none
    lab kill-ssh web2 sessions
    let_go
    reply_
    echo "$RC $OUT"
    [ "$RC" -eq 1 ]
    [[ "$OUT" == "EACCES $HOST_web2: sudo: "* ]]
    lab sudo web2 password
    serve_end
    converges old
}

@test "a test or a reload that hangs is ended in time, and told" {
    begin test
    reply_
    echo "$RC $OUT"
    [ "$RC" -eq 1 ]
    [[ "$OUT" == "ETIMEDOUT $HOST_web2: hold test; nginx -t -q: it did not end within "* ]]
    serve_end
    let_go
    converges old
    # With the old files it goes on hanging, which is told as well.
    begin reload
    reply_
    echo "$RC $OUT"
    [ "$RC" -eq 1 ]
    [[ "$OUT" == "ETIMEDOUT $HOST_web2: hold reload; "*"it did not end within "*"and with the old files: it did not end within "* ]]
    serve_end
    let_go
    converges old
}

@test "megabytes of words are cut, a full and a read-only disk are named" {
    TEST='head -c 30000000 /dev/zero | tr "\000" x; echo; echo at last; exit 1' run both -- apply add:app/10.0.0.1:80
    assert_failure
    assert_output --partial "EREMOTEIO $HOST_web1: "
    [ "${#output}" -lt 3000 ]
    both -- apply add:app/10.0.0.1:80
    lab exec web2 mount -t tmpfs -o size=64k,mode=755 tmpfs /mnt
    lab exec web2 sh -c "cp -a $DIR/. /mnt/ && mount --move /mnt $DIR && cat /dev/zero >$DIR/fill; true" 2>/dev/null
    run both -- apply add:app/10.0.0.2:80 add:web/10.0.0.1:80
    assert_output --regexp "^ENOSPC $HOST_web2: .*No space left on device"
    settled web1 old
    lab exec web2 sh -c "rm $DIR/fill; mount -o remount,ro $DIR"
    run both -- apply add:app/10.0.0.2:80 add:web/10.0.0.1:80
    assert_output --regexp "^EROFS $HOST_web2: .*Read-only file system"
    settled web1 old
    lab exec web2 umount "$DIR"
    converges old
}

@test "a host whose tools are busybox" {
    lab exec web1 sh -c 'for t in cat cp head ln mkdir mv rm sed sha256sum sort sync tail timeout tr wc sh; do ln -s "$(command -v busybox)" /usr/local/sbin/$t; done'
    begin test
    let_go
    reply_
    echo "$RC $OUT"
    [ "$RC" -eq 0 ]
    do_ apply del:app/10.0.0.2:80 , pools
    [ "$RC" -eq 0 ]
    do_ apply add:app/no-such-host.invalid:80
    [[ "$OUT" == "EREMOTEIO "*"host not found"* ]]
    serve_end
    lab exec web1 grep -qz busybox /usr/local/sbin/timeout
    lab exec web1 sh -c 'cd /usr/local/sbin && rm cat cp head ln mkdir mv rm sed sha256sum sort sync tail timeout tr wc sh'
    cmp "$(file web1 app.conf)" "$(file web2 app.conf)"
}

@test "an idle session that dies, or freezes, is noticed with no request waiting, and is back within seconds" {
    serve_with both -- serve
    do_ apply add:app/10.0.0.1:80
    lab kill-ssh web2
    eventually says_ "$HOST_web2 down "
    lab start-ssh web2
    eventually says_ "$HOST_web2 up "
    lab freeze web1
    eventually says_ "$HOST_web1 \(down\|unknown\) "
    lab thaw web1
    eventually says_ "$HOST_web1 up "
    do_ apply add:app/10.0.0.2:80
    echo "$RC $OUT"
    [ "$RC" -eq 0 ]
    # And one that sshd has closed and would open again is nobody's error.
    lab kill-ssh web1 sessions
    lab kill-ssh web2 sessions
    do_ apply add:app/10.0.0.3:80
    echo "$RC $OUT"
    [ "$RC" -eq 0 ]
    serve_end
}

says_() # TEXT: in the status
{
    do_ status
    grep -q "^$1" <<<"$OUT"
}
