#!/usr/bin/env bats
# A program as a driver: what it is given, what is believed of it, and that it never holds anything up.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    CLI="${BUILD:-$TREE/build}/tests/driver_cli"
    cd "$BATS_TEST_TMPDIR" || return 1
}

# program TEXT...: the shell program that the driver runs.
program()
{
    printf '%s\n' '#!/bin/sh' "$@" >program
    chmod 755 program
}

# cli [KEY=VALUE]... -- COMMAND...
cli()
{
    timeout 60 "$CLI" exec command="$PWD/program" "$@" 3>&-
}

many_changes()
{
    local i
    for ((i = 0; i < 3000; i++)); do
        echo "add:app/node-$i.example:80"
    done
}

# gone FILE: the process whose number is in it has ended.
gone()
{
    local i
    for ((i = 0; i < 100; i++)); do
        [ -d "/proc/$(cat "$1")" ] || return 0
        sleep 0.05
    done
    echo "process $(cat "$1") still runs"
    return 1
}

# ---- the protocol ---------------------------------------------------------------------------

@test "a call is an argument behind those of the command, and changes come on standard input" {
    # shellcheck disable=SC2016
    program 'echo "$#" "$@" >>calls' 'cat >>calls'
    run -0 cli command=first command='two words' -- pools , nodes app , apply add:app/10.0.0.1:80 del:app/web.example:8080 create:new remove:old
    assert_equal "$output" ""
    run -0 cat calls
    assert_output "3 first two words get_pools
4 first two words get_nodes app
3 first two words apply
add_node app 10.0.0.1:80
delete_node app web.example:8080
create_pool new
delete_pool old"
}

@test "keys are in the environment, and what is meant for the daemon is not" {
    program 'env >env'
    BALANCERFS_OUTER=1 NOTIFY_SOCKET=/run/n WATCHDOG_USEC=5 LISTEN_FDS=1 KEPT=yes run -0 cli user=deploy Some-Key.2='a "b" \ c' empty= timeout=10 -- pools
    run -0 grep -E '^(BALANCERFS_|NOTIFY|WATCHDOG|LISTEN|KEPT)' env
    assert_equal "$(sort <<<"$output")" 'BALANCERFS_BALANCER=test
BALANCERFS_EMPTY=
BALANCERFS_SECTION={"user":"deploy","Some-Key.2":"a \"b\" \\ c","empty":""}
BALANCERFS_SOME_KEY_2=a "b" \ c
BALANCERFS_USER=deploy
KEPT=yes'
}

@test "keys that cannot be told apart or do not fit are errors of the configuration" {
    program ''
    run -2 cli a-b=1 a_b=2 -- pools
    assert_output "EINVAL options:1:1: a_b would be a second BALANCERFS_A_B"
    run -2 cli balancer=x -- pools
    assert_output "EINVAL options:1:1: balancer would be a second BALANCERFS_BALANCER"
    run -2 cli Section=x -- pools
    assert_output "EINVAL options:1:1: section is a name that BALANCERFS_SECTION needs"
    # One that is as long as it may be is handed over in full, but for the JSON, which is a little longer.
    run -2 cli long="$(printf '%0131000d' 0)" other="$(printf '%0100d' 0)" -- pools
    assert_output --partial "options:1:1: its keys together are longer than 128 kilobytes"
    # shellcheck disable=SC2016
    program 'printf %s "$BALANCERFS_LONG" | wc -c >length'
    run -0 cli long="$(printf '%0131000d' 0)" -- pools
    assert_equal "$(cat length)" 131000
}

@test "it has no descriptor of ours, no signal blocked or ignored, and a session of its own" {
    # shellcheck disable=SC2016
    program 'set -- /proc/$$/fd/*; echo $# >fds' 'ps -o sid= -p $$ >session; echo $$ >>session' 'exec grep -E "^Sig(Blk|Ign)" /proc/self/status >signals'
    exec 7</dev/null
    (trap '' TERM PIPE && cli -- pools 7</dev/null)
    # Its three streams, and the shell's own of the script and of the directory that it reads here.
    assert_equal "$(cat fds)" 5
    # But for 32 and 33, which are the C library's own.
    assert_equal "$(sed 's/0000000180000000/0000000000000000/; s/.*\t//' signals | sort -u)" 0000000000000000
    assert_equal "$(tr -d ' ' <session | sort -u | wc -l)" 1
}

@test "a program that cannot be one is an error of the configuration, with its place" {
    run -2 "$CLI" exec -- pools
    assert_output --partial "command"
    run -2 "$CLI" exec command=/nonexistent/program -- pools
    assert_output "EINVAL options:1:1: /nonexistent/program: No such file or directory"
    run -2 "$CLI" exec command=./program -- pools
    assert_output "EINVAL options:1:1: ./program must be an absolute path, or a name to be found in PATH"
    run -2 "$CLI" exec command=no-such-program -- pools
    assert_output "EINVAL options:1:1: no program no-such-program in PATH"
    run -2 "$CLI" exec command=/tmp -- pools
    assert_output "EINVAL options:1:1: /tmp is no program: chmod 755 it"
    echo >plain
    run -2 "$CLI" exec command="$PWD/plain" -- pools
    assert_output "EINVAL options:1:1: $PWD/plain is no program: chmod 755 it"
    PATH="$PATH:$PWD" run -0 "$CLI" exec command=true -- pools
    assert_output ""
}

@test "one that is gone, or has no interpreter, is told in words" {
    # shellcheck disable=SC2016
    program 'rm "$0"'
    run -1 cli -- pools , nodes app , apply add:app/10.0.0.1:80
    assert_output "EREMOTEIO cannot start $PWD/program: No such file or directory
EREMOTEIO cannot start $PWD/program: No such file or directory"
    printf '#!/nonexistent/sh\n' >program
    chmod 755 program
    run -1 cli -- pools
    assert_output "EREMOTEIO cannot start $PWD/program: No such file or directory (it is there: the interpreter in its first line is not)"
    echo "echo hello" >program
    run -1 cli -- pools
    assert_output "EREMOTEIO cannot start $PWD/program: Exec format error (a script needs #! and its interpreter in its first line)"
}

# ---- names ----------------------------------------------------------------------------------

@test "names pass the gate: what is none is counted and left out" {
    # shellcheck disable=SC2016
    program 'case $1 in' \
        'get_pools) printf "app\n\nHello, world\n.hidden\napp\n../up\nweb\r\nlast" ;;' \
        'get_nodes) printf "10.0.0.1:80\n10.0.0.2:080\n\n[2001:db8::1]:80\nunix:/run/x\n10.0.0.3:80 weight=5\nx.example:80\000junk\n10.0.0.4:80\r\n10.0.0.9:90" ;;' \
        'esac'
    run -0 cli -- pools , nodes app
    assert_output "app
last
refused: 4
app/10.0.0.1:80
app/10.0.0.9:90
app/[2001:db8::1]:80
refused: 5"
}

@test "a line of megabytes, and a hundred thousand names" {
    # shellcheck disable=SC2016
    program 'case $1 in' \
        'get_pools) head -c 3000000 /dev/zero | tr "\0" x; echo; echo app ;;' \
        'get_nodes) seq -f "n%.0f.example:80" 100000 ;;' \
        'esac'
    run -0 cli -- pools
    assert_output "app
refused: 1"
    cli -- nodes app >listed
    assert_equal "$(wc -l <listed)" 100000
}

# ---- errors ---------------------------------------------------------------------------------

@test "the last line on standard error is the error" {
    # shellcheck disable=SC2016
    program 'cat >/dev/null; printf "%b" "$SAY" >&2; exit 3'
    SAY='EBUSY first\nEROFS the pool is frozen\n' run -1 cli -- apply create:app
    assert_output "EROFS the pool is frozen"
    SAY='warning: x\nETIMEDOUT lb1 is slow\n\n \n' run -1 cli -- pools
    assert_output "ETIMEDOUT lb1 is slow"
    SAY='ECONNREFUSED no newline' run -1 cli -- nodes app
    assert_output "ECONNREFUSED no newline"
    SAY='EBUSY\n' run -1 cli -- pools
    assert_output "EBUSY $PWD/program get_pools: Device or resource busy"
    SAY='it is a mess\n' run -1 cli -- pools
    assert_output "EREMOTEIO it is a mess"
    SAY='' run -1 cli -- pools
    assert_output "EREMOTEIO $PWD/program get_pools ended with status 3 and said nothing on standard error"
    SAY='EPERM \033[31mred\033[0m\n' run -1 cli -- pools
    assert_output "EPERM  [31mred [0m"
}

@test "only the names of the manual page are errnos; rm -f would hide ENOENT" {
    # shellcheck disable=SC2016
    program 'echo "$SAY words" >&2; exit 1'
    for name in EACCES EBUSY ECONNREFUSED EEXIST EHOSTUNREACH EINVAL EIO ENOSPC ENOTEMPTY EPERM EREMOTEIO EROFS ETIMEDOUT; do
        SAY=$name run -1 cli -- pools
        assert_output "$name words"
    done
    for name in ENOENT ENOTDIR EINTR EAGAIN ENOSYS 0 EBUSYX; do
        SAY=$name run -1 cli -- pools
        assert_output "EREMOTEIO $name words"
    done
}

@test "the manual page has the same names" {
    run -0 grep -A 3 '^The names are$' "$TREE/contrib/man/balancerfs-driver.3"
    assert_output --partial "EACCES , EBUSY , ECONNREFUSED , EEXIST , EHOSTUNREACH , EINVAL , EIO , ENOSPC , ENOTEMPTY , EPERM , EREMOTEIO , EROFS"
}

@test "what is said beside a success is no error, and status shows the last one" {
    # shellcheck disable=SC2016
    program 'echo "EBUSY not meant" >&2' '[ "$1" != get_nodes ] || { echo "EHOSTUNREACH lb1 is away" >&2; exit 1; }'
    run -1 cli -- status , pools , status , nodes app , status
    assert_output "$PWD/program unknown -
calls: 0
$PWD/program up -
calls: 1
EHOSTUNREACH lb1 is away
$PWD/program down lb1 is away
calls: 2"
}

@test "probe calls get_pools" {
    program 'printf "a\n\nb"'
    run -0 cli -- probe
    assert_output "$PWD/program get_pools ok 2 pools"
    program 'echo "EACCES who are you" >&2; exit 1'
    run -1 cli -- probe
    assert_output "EACCES who are you
$PWD/program get_pools FAILED who are you"
}

# ---- programs that misbehave ----------------------------------------------------------------

@test "one that does not read its changes has not made them" {
    program 'exit 0'
    run -1 cli -- apply add:app/10.0.0.1:80
    assert_output "EIO $PWD/program apply ended without having read all changes"
    mapfile -t changes < <(many_changes)
    program 'exec <&-; exit 0'
    run -1 cli -- apply "${changes[@]}"
    assert_output "EIO $PWD/program apply ended without having read all changes"
    program 'head -c 5 >/dev/null; exit 0'
    run -1 cli -- apply "${changes[@]}"
    assert_output "EIO $PWD/program apply ended without having read all changes"
    program 'echo "EROFS never today" >&2; exit 1'
    run -1 cli -- apply "${changes[@]}"
    assert_output "EROFS never today"
    program 'cat >all'
    run -0 cli -- apply "${changes[@]}"
    assert_equal "$(wc -l <all)" 3000
}

@test "one that says megabytes before it reads holds nothing up" {
    mapfile -t changes < <(many_changes)
    # shellcheck disable=SC2016
    program 'yes "some words on standard error" | head -n 200000 >&2' 'yes "and on standard output" | head -n 200000' 'wc -l >lines' 'echo "EBUSY at last" >&2; exit 1'
    run -1 cli -- apply "${changes[@]}"
    assert_output "EBUSY at last"
    assert_equal "$(cat lines)" 3000
}

@test "one that prints without end is ended" {
    program 'exec yes app'
    run -1 cli -- pools
    assert_output "EREMOTEIO $PWD/program get_pools printed more than 64 megabytes and was ended"
    program 'cat >/dev/null; exec yes app'
    run -1 cli -- apply create:app
    assert_output "EIO $PWD/program apply printed more than 64 megabytes and was ended"
}

@test "one that a signal ends leaves the outcome of a change unknown" {
    # shellcheck disable=SC2016
    program 'echo "something is wrong" >&2; kill -SEGV $$'
    run -1 cli -- pools , apply create:app
    assert_output "EREMOTEIO $PWD/program get_pools was ended by SIGSEGV: something is wrong
EIO $PWD/program apply was ended by SIGSEGV: something is wrong"
}

@test "what it leaves running, with its pipes, holds nothing up" {
    # shellcheck disable=SC2016
    program 'sleep 1000 & echo $! >>left' 'cat >/dev/null; echo app'
    run -0 timeout 20 "$CLI" exec command="$PWD/program" timeout=60 -- pools , apply create:app
    assert_output app
    while read -r pid; do
        kill "$pid"
    done <left
}

@test "one that is too slow is ended, with all that it started" {
    # shellcheck disable=SC2016
    program 'sleep 1000 & echo $! >sleeper; echo $$ >self' 'echo "waiting for lb1" >&2; sleep 1000'
    run -1 timeout 20 "$CLI" exec command="$PWD/program" timeout=300ms -- nodes app
    assert_output "ETIMEDOUT $PWD/program get_nodes did not end within 0.3 s and was ended: waiting for lb1"
    gone sleeper
    gone self
    run -1 timeout 20 "$CLI" exec command="$PWD/program" timeout=300ms -- apply create:app
    assert_output "EIO $PWD/program apply did not end within 0.3 s and was ended: waiting for lb1"
    gone sleeper
}

@test "it gets SIGTERM first, and one that does not care for it is killed" {
    # shellcheck disable=SC2016
    program 'trap "echo taken back >undone; exit 0" TERM' 'sleep 1000 & wait'
    run -1 timeout 20 "$CLI" exec command="$PWD/program" timeout=300ms -- apply create:app
    assert_output --partial "EIO $PWD/program apply did not end"
    assert_equal "$(cat undone)" "taken back"
    # shellcheck disable=SC2016
    program 'trap "" TERM; echo $$ >self' 'while :; do sleep 0.1; done'
    run -1 timeout 20 "$CLI" exec command="$PWD/program" timeout=300ms -- pools
    assert_output --partial "ETIMEDOUT $PWD/program get_pools did not end"
    gone self
}

@test "a value is in no argument" {
    # shellcheck disable=SC2016
    program 'tr "\0" "\n" </proc/$$/cmdline >>cmdline; cat >/dev/null'
    run -0 cli password=swordfish -- pools , apply create:app
    run -1 grep swordfish cmdline
}

@test "a key that is named like a password makes the file secret, one that tells where it is does not" {
    program 'echo "EACCES asked" >&2; exit 1'
    for key in password api_token PASSPHRASE '"nested": {client_secret: x}, other'; do
        printf 'BALANCERS:\n  lb: {BACKEND: exec, command: [%s], %s: x}\n' "$PWD/program" "$key" >balancers.yaml
        chmod 644 balancers.yaml
        run -2 "$TREE/tests/conformance" balancers.yaml lb
        assert_output --partial "chmod 600"
        chmod 600 balancers.yaml
        run -2 "$TREE/tests/conformance" balancers.yaml lb
        assert_output --partial "asked"
    done
    for key in password_file secret_command token_path user; do
        printf 'BALANCERS:\n  lb: {BACKEND: exec, command: [%s], %s: x}\n' "$PWD/program" "$key" >balancers.yaml
        chmod 644 balancers.yaml
        run -2 "$TREE/tests/conformance" balancers.yaml lb
        assert_output --partial "asked"
    done
}
