# shellcheck shell=bash disable=SC2013,SC2034,SC2153  # pids are words; RC and OUT are for the tests
# Several hosts on this machine without a network: an ssh program that runs what it is told in a mount name space of its
# own, where $POOLS is the host's own directory $BASE/HOST. For what needs many hosts but no SSH.
#
#   many_hosts NAME...         makes them
#   cli [KEY=VALUE]... -- ...  driver_cli nginx on them; $TEST_CMD and $RELOAD_CMD
#   serve [KEY=VALUE]...       one that goes on; do_ COMMAND... gives it commands: output in $OUT, status in $RC
#   serve_end                  its end; serve_kill: by kill -9
#   host_down NAME             refuses connections; its sessions die
#   host_up NAME
#   sessions NAME              pids of the loops there
#   host_sees NAME             all its files, with their contents
#   same_everywhere            every host has the same
#   clean_everywhere           and no lock is held, and nothing is left

many_hosts()
{
    export BUILD=${BUILD:-$BATS_TEST_DIRNAME/../build}
    BASE=$BATS_TEST_TMPDIR/many
    POOLS=$BASE/pools
    HOSTS=("$@")
    TEST_CMD=true RELOAD_CMD=true
    mkdir -p "$POOLS" "$BASE/bin" "$BASE/run"
    cat >"$BASE/bin/ssh" <<SSH
#!/bin/sh
# ssh OPTION... -- HOST COMMAND
while [ "\$1" != -- ]; do shift; done
if [ -e "$BASE/run/\$2.down" ]; then
    echo >>"$BASE/run/\$2.refused"
    echo "ssh: connect to host \$2 port 22: Connection refused" >&2
    exit 255
fi
echo \$\$ >>"$BASE/run/\$2.pids"
exec unshare -m sh -c 'mount --bind "\$1" "\$2" && exec env HOST="\$4" sh -c "\$3"' - "$BASE/\$2" "$POOLS" "\$3" "\$2"
SSH
    chmod +x "$BASE/bin/ssh"
    local host
    for host in "$@"; do mkdir -p "$BASE/$host"; done
    PATH=$BASE/bin:$PATH
    export BALANCERFS_AGENT_BEAT=${BALANCERFS_AGENT_BEAT:-3}
}

arguments() # KEY=VALUE...
{
    ARGUMENTS=(nginx transport=openssh user=root sudo=no include_dir="$POOLS" test_cmd="$TEST_CMD" reload_cmd="$RELOAD_CMD")
    local host
    for host in "${HOSTS[@]}"; do ARGUMENTS+=(hosts="$host"); done
    [[ " $*" == *" timeout="* ]] || ARGUMENTS+=(timeout=30)
    ARGUMENTS+=("$@")
}

cli()
{
    local keys=()
    while [ "$1" != -- ]; do keys+=("$1"); shift; done
    arguments "${keys[@]}"
    "$BUILD/tests/driver_cli" "${ARGUMENTS[@]}" "$@" 3>&-
}

serve()
{
    arguments "$@"
    serve_with "$BUILD/tests/driver_cli" "${ARGUMENTS[@]}" -- serve
}

serve_with() # CMD...
{
    coproc SERVER { exec_ "$@" 3>&-; }
    SERVE_PID=$SERVER_PID
    # Later ones must not be disturbed by this one's end.
    exec {SERVE_IN}>&"${SERVER[1]}" {SERVE_OUT}<&"${SERVER[0]}"
    eval "exec ${SERVER[1]}>&- ${SERVER[0]}<&-"
}

exec_() # CMD...: a function too
{
    if [ "$(type -t "$1")" = function ]; then "$@"; else exec "$@"; fi
}

ask_() # COMMAND...: without waiting
{
    echo "$*" >&"$SERVE_IN"
}

reply_()
{
    local line
    OUT='' RC=
    while read -r -t 100 -u "$SERVE_OUT" line; do
        case $line in
        'done '*) RC=${line#done } && return ;;
        esac
        OUT+=$line$'\n'
    done
    echo "no answer" >&2
    return 1
}

do_()
{
    ask_ "$@"
    reply_
}

serve_end()
{
    exec {SERVE_IN}>&- {SERVE_OUT}<&-
    wait "$SERVE_PID" || true
}

serve_kill()
{
    kill -9 "$SERVE_PID"
    serve_end
}

sessions()
{
    local pid
    for pid in $(cat "$BASE/run/$1.pids" 2>/dev/null); do
        ! grep -qsz "^HOST=$1\$" "/proc/$pid/environ" || echo "$pid"
    done
}

host_down()
{
    touch "$BASE/run/$1.down"
    # shellcheck disable=SC2046  # pids
    kill -9 $(sessions "$1") 2>/dev/null || true
}

host_up()
{
    rm "$BASE/run/$1.down"
}

host_sees()
{
    (cd "$BASE/$1" && for file in *.conf .balancerfs-missed; do [ ! -e "$file" ] || { echo "== $file" && cat "$file"; }; done)
}

same_everywhere()
{
    local host
    for host in "${HOSTS[@]:1}"; do
        diff <(host_sees "${HOSTS[0]}") <(host_sees "$host") || { echo "$host differs" >&2; return 1; }
    done
}

clean_everywhere()
{
    local host
    for host in "${HOSTS[@]}"; do
        [ -d "$BASE/$host/.balancerfs" ] || continue
        flock -n "$BASE/$host/.balancerfs/lock" true || { echo "$host: locked" >&2; return 1; }
        # A live session has an empty directory ready for its next change.
        [ "$(cd "$BASE/$host/.balancerfs" && find . -type f)" = ./lock ] || { echo "$host: $(find "$BASE/$host/.balancerfs")" >&2; return 1; }
    done
}

eventually() # CMD...: within 20 s
{
    local end=$((SECONDS + 20))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "still not so after 20 s: $*" >&2; "$@"; return 1; }
        sleep 0.1
    done
}
