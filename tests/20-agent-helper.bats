#!/usr/bin/env bats
# The process that does for the loop what programs would do: that it does it, that the programs do it when it cannot or is
# gone, and that its end at any step loses neither the lock nor a file.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154,SC2317  # functions are called by name, settings read by agent.bash

bats_require_minimum_version 1.5.0
load agent

# change NAME TEXT: of app.conf, up to its end
change()
{
    prepare "$1" put:app.conf:1 <<<"$2" && expect "$1" prepared && request "$1" "commit 20" ok && request "$1" forget ok || return 1
    SEQ=$TEXT
    has app.conf "$2"
}

programs()
{
    grep -c '= 0$' "$STATE/trace"
}

few()
{
    [ -n "$HELPER" ] || return 0
    HELPER=maybe
    put app.conf old
    ready a strace -f -qq -e trace=execve -o "$STATE/trace" || return 1
    local before after
    before=$(programs)
    change a one && change a two && change a three || return 1
    after=$(programs)
    # Two commands a change; nothing of ours, whatever the shell.
    [ $((after - before)) -eq 6 ] || { tail -n $((after - before)) "$STATE/trace"; return 1; }
    hang_up a && clean
}

@test "a change starts no process but the two commands" {
    each_shell few
}

kill_helper() # NAME
{
    local pid
    pid=$(find_helper "$1") && kill -9 "$pid" || return 1
    for _ in {1..200}; do
        ! gone "$pid" || return 0
        sleep 0.05
    done
    return 1
}

# Meanwhile another session must not get the lock.
is_locked()
{
    ready b && request b "lock 0" busy && hang_up b
}

dies()
{
    [ -n "$HELPER" ] || return 0
    local when
    for when in idle locked prepared committed; do
        put app.conf old
        ready a || return 1
        case $when in
        idle) kill_helper a && change a new ;;
        locked) request a "lock 0" ok && kill_helper a && is_locked && request a ping ok && change a new ;;
        prepared)
            prepare a put:app.conf:1 <<<new && expect a prepared && kill_helper a && is_locked &&
                request a "commit 20" ok && request a forget ok && has app.conf new
            ;;
        committed)
            prepare a put:app.conf:1 <<<new && expect a prepared && request a "commit 20" ok && kill_helper a &&
                is_locked && request a "rollback 20" ok && has app.conf old
            ;;
        esac || { echo "when $when" >&2; return 1; }
        # Once in a session.
        if find_helper a || ! hang_up a || ! clean; then echo "after $when" >&2; return 1; fi
    done
}

@test "killed when idle, with the lock, prepared, committed: the loop goes on and keeps the lock" {
    each_shell dies
}

# The command runs again then: it is not known what came of it.
dies_in_test()
{
    [ -n "$HELPER" ] || return 0
    put app.conf old
    TEST_CMD="[ -e $STATE/at ] || { touch $STATE/at; sleep 2; }; cat app.conf >>$STATE/tests"
    ready a && prepare a put:app.conf:1 <<<new && at && kill_helper a && expect a prepared || return 1
    [ -s "$STATE/tests" ] && request a "commit 20" ok && request a forget ok && has app.conf new && hang_up a && clean
}

@test "killed while a command runs: it runs once more" {
    each_shell dies_in_test
}

# As after a ^C, or from a service manager that ends all.
signals()
{
    [ -n "$HELPER" ] || return 0
    put app.conf old
    ready a && change a one || return 1
    local signal pid
    pid=$(find_helper a)
    for signal in INT TERM HUP QUIT PIPE; do
        kill -$signal "$pid"
    done
    change a two && [ "$(find_helper a)" = "$pid" ] || return 1
    prepare a put:app.conf:1 <<<three && expect a prepared && kill -TERM "${PID[a]}" && hang_up a || return 1
    gone "$pid" && has app.conf two && clean
}

@test "it ends with the loop, and not before" {
    each_shell signals
}

# Within the one read that waits for the helper.
ended_in_test()
{
    put app.conf old
    TEST_CMD="touch $STATE/at; sleep 1"
    ready a && prepare a put:app.conf:1 <<<new && at && kill -TERM "${PID[a]}" && hang_up a && has app.conf old && clean
}

@test "ended while a command runs: old files" {
    each_shell ended_in_test
}

# More than a pipe holds: whoever writes must not wait for one that is gone.
long_request()
{
    local i names=() long
    # Long names: many are slow for a shell.
    long=$(printf 'x%.0s' {1..240})
    for ((i = 1; i <= 300; i++)); do
        names+=("put:$long$i.conf:1")
        echo old >"$DIR/$long$i.conf"
    done
    ready a || return 1
    [ -z "$HELPER" ] || kill_helper a || return 1
    yes new | head -n 300 | prepare a "${names[@]}" && expect a prepared && request a abort ok && has "${long}7.conf" old && hang_up a && clean
}

@test "killed before a request that is longer than a pipe" {
    each_shell long_request
}

own_session()
{
    put app.conf old
    TEST_CMD="setsid false"
    ready a && prepare a put:app.conf:1 <<<new && expect a test "exit status 1" && has app.conf old && hang_up a && clean
}

@test "a command that starts a session of its own is waited for" {
    each_shell own_session
}

slow_disk()
{
    put app.conf old
    # Only what is written while the reload runs is slow.
    HELPER=${HELPER:+maybe} SECS=9
    ready a strace -f -qq -e trace=fsync -e inject=fsync:delay_enter=3s:when=6+ -o /dev/null || return 1
    prepare a put:app.conf:1 <<<new && expect a prepared && request a "commit 2" ok && request a forget ok && has app.conf new && hang_up a && clean
}

@test "a disk slower than the time limit fails no reload" {
    each_shell slow_disk
}

bytes()
{
    put app.conf old
    TEST_CMD="echo äöüäöü; exit 1"
    ready a env PERL_UNICODE=SD && prepare a put:app.conf:1 <<<new && expect a test "äöüäöü" && hang_up a && clean
}

@test "a command is so many bytes" {
    each_shell bytes
}

statuses()
{
    put app.conf old
    local code
    for code in 1 124 125 126 127 255; do
        TEST_CMD="exit $code"
        ready a && prepare a put:app.conf:1 <<<new || return 1
        case $code in
        124) expect a slow ;;
        *) expect a test "exit status $code" ;;
        esac || return 1
        has app.conf old && hang_up a && clean || return 1
    done
    TEST_CMD="kill -9 \$\$"
    ready a && prepare a put:app.conf:1 <<<new && expect a slow && hang_up a || return 1
    TEST_CMD="kill -USR1 \$\$"
    ready a && prepare a put:app.conf:1 <<<new && expect a test && has app.conf old && hang_up a && clean
}

@test "a command's status is the same with it and without" {
    each_shell statuses
}

several_lines()
{
    put app.conf old
    TEST_CMD="true
echo a second line; exit 1"
    ready a && prepare a put:app.conf:1 <<<new && expect a test "a second line" && has app.conf old && hang_up a || return 1
    TEST_CMD="no-such-program here"
    ready a && prepare a put:app.conf:1 <<<new && expect a test "*no-such-program*not found" && has app.conf old && hang_up a && clean
}

@test "a command of several lines, and one that is not there" {
    each_shell several_lines
}

rights()
{
    put app.conf old
    put web.conf old
    chown 12345:12346 "$DIR/app.conf"
    chmod 4640 "$DIR/app.conf"
    setfacl -m u:12347:rw "$DIR/web.conf"
    setfacl -d -m u:12347:rw "$DIR"
    # Nor does one get rights that are the directory's for files that are new.
    ready a && change a new && ! getfacl -cp "$DIR/app.conf" | grep 12347 || return 1
    [ "$(stat -c '%u:%g %a' "$DIR/app.conf")" = "12345:12346 4640" ] || { stat "$DIR/app.conf"; return 1; }
    prepare a put:web.conf:1 <<<new && expect a prepared && request a "commit 20" ok && request a forget ok && has web.conf new || return 1
    getfacl -cp "$DIR/web.conf" | grep -x "user:12347:rw-" && hang_up a && clean
}

@test "owner, mode and access control list of a file stay" {
    each_shell rights
}

# useless SCRIPT
useless()
{
    HELPER=${HELPER:+maybe}
    mkdir -p "$STATE/bin"
    printf '#!/bin/sh\n%s\n' "$1" >"$STATE/bin/perl"
    chmod +x "$STATE/bin/perl"
    put app.conf old
    ready a env "PATH=$STATE/bin:$PATH" && change a one && change a two && hang_up a && clean
}

@test "a perl that does not work is as none" {
    broken()
    {
        useless 'exit 2' && useless 'read -r line; echo no perl here; exit 0'
    }
    each_shell broken
}
