# shellcheck shell=bash
# Traffic managers for a bats file: `load stingray`.
#
#   server_start NAME     tests/stingray/server.pl; its directory is $SERVER, its address $ADDRESS
#   canned_start NAME     tests/stingray/canned.pl, likewise
#   servers_stop          in teardown: all that were started in this test
#   state JSON            what the server has
#   nodes POOL KIND       prints what it has now (KIND: active, draining, disabled), sorted
#   mishap OPERATION ...  the next such call fails so (server.pl tells how)
#   mode WORD...          how it behaves from now on
#   calls [OPERATION]     how many calls there were
#   cli [KEY=VALUE]... -- COMMAND...   driver_cli on it
#   poll CMD...           until CMD succeeds, 10 s at most; fails else

load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

poll()
{
    local end=$((SECONDS + 10))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "still not so after 10 s: $*" >&2; return 1; }
        sleep 0.02
    done
}

# server_run PROGRAM NAME [ARGUMENT]...
server_run()
{
    SERVER=$BATS_TEST_TMPDIR/$2
    mkdir -p "$SERVER"
    [ -e "$SERVER/state" ] || echo '{}' >"$SERVER/state"
    perl "$BATS_TEST_DIRNAME/stingray/$1" "$SERVER" "${@:3}" >"$SERVER/output" 2>&1 3>&- &
    echo $! >>"$BATS_TEST_TMPDIR/servers"
    poll test -s "$SERVER/port" || { cat "$SERVER/output"; return 1; }
    ADDRESS=127.0.0.1:$(cat "$SERVER/port")
}

server_start()
{
    server_run server.pl "$1"
}

canned_start()
{
    server_run canned.pl "$@"
}

servers_stop()
{
    local pid
    [ -e "$BATS_TEST_TMPDIR/servers" ] || return 0
    while read -r pid; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done <"$BATS_TEST_TMPDIR/servers"
    rm "$BATS_TEST_TMPDIR/servers"
}

state()
{
    echo "$1" >"$SERVER/state"
}

nodes()
{
    perl -MJSON::PP -e 'local $/; my $s = decode_json(<STDIN>); print map { "$_\n" } sort @{$s->{$ARGV[0]}{$ARGV[1]}}' "$@" <"$SERVER/state"
}

mishap()
{
    echo "$*" >>"$SERVER/mishaps"
}

mode()
{
    echo "$*" >"$SERVER/modes"
}

calls()
{
    [ -e "$SERVER/log" ] || { echo 0; return; }
    grep -cE "^${1:-.*}( |\$)" "$SERVER/log" || true
}

# Sets command: driver_cli with its arguments. No grace period, unless a test is about it: no test waits for one.
cli_command()
{
    local default
    command=("$BUILD/tests/driver_cli" stingray)
    for default in url="http://$ADDRESS/soap" user=admin password=secret grace_period=0 timeout=20s; do
        case " $*" in
        *" ${default%%=*}="*) ;;
        *" password_"*) [ "${default%%=*}" = password ] || command+=("$default") ;;
        *) command+=("$default") ;;
        esac
    done
    command+=("$@")
}

cli()
{
    local command
    cli_command "$@"
    "${command[@]}"
}
