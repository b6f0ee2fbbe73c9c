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

kill_helper() # NAME [SIGNAL]
{
    local pid
    pid=$(find_helper "$1") && kill "-${2:-9}" "$pid" || return 1
    for _ in {1..200}; do
        ! gone "$pid" || return 0
        sleep 0.05
    done
    return 1
}

at()
{
    for _ in {1..200}; do
        [ ! -e "$STATE/at" ] || return 0
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
    ready a && prepare a put:app.conf:1 put:web.conf:1 <<<$'new\nnew' && expect a prepared || return 1
    request a "commit 20" ok && request a forget ok && has app.conf new && has web.conf new || return 1
    [ "$(stat -c '%u:%g %a' "$DIR/app.conf")" = "12345:12346 4640" ] || { stat "$DIR/app.conf"; return 1; }
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
