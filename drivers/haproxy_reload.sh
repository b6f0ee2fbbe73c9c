#!/bin/sh
# shellcheck disable=SC2034,SC2154 # settings: test_cmd reload_cmd include_dir runtime_socket; names of haproxy_api.sh
# Runs on a host in place of reload_cmd. Nodes of pools that HAProxy knows come and go through its stats socket, without a
# reload and without a connection lost; what that cannot do, a reload does. Either way it is asked afterwards what it
# runs. The first line of output tells the way, or why it failed.

nl='
'

fail() # WHY
{
    echo "$1"
    exit 1
}

# Does a default-server of the main configuration stand behind each server of a file?
find_inherited()
{
    inherited=0
    # shellcheck disable=SC2086 # words are wanted
    set -- ${test_cmd:-haproxy -f /etc/haproxy/haproxy.cfg}
    while [ $# -gt 1 ]; do
        if [ "$1" = -f ] && [ -f "$2" ] && awk '
            $1 ~ /^(global|frontend|backend|listen)$/ { inside = 0 }
            $1 == "defaults" { inside = 1 }
            inside && $1 == "default-server" { found = 1 }
            END { exit !found }' "$2"; then
            inherited=1
        fi
        shift
    done
}

# ---- reload

is_running()
{
    for comm in /proc/[0-9]*/comm; do
        read -r name <"$comm" || continue
        [ "$name" != haproxy ] || return 0
    done 2>/dev/null
    return 1
}

do_reload()
{
    if [ -n "$reload_cmd" ]; then
        sh -c "$reload_cmd"
    elif [ -d /run/systemd/system ]; then
        systemctl reload haproxy
    else
        # It would start a stopped one.
        is_running || fail "haproxy is not running: start it first"
        /etc/init.d/haproxy reload
    fi
}

# It goes on with the old configuration when it cannot use the new one, and says so in its log only.
await()
{
    turns=0
    until api "$show" | agrees "$pools"; do
        turns=$((turns + 1))
        [ $turns -lt 200 ] || fail "haproxy does not run the new configuration 10 s after the reload: see its log"
        sleep 0.05
    done
}

reload() # WHY, when there is a way
{
    said=$(do_reload 2>&1) || fail "${said:-exit status $?}"
    if [ -n "$state" ] && [ -n "$pools" ]; then await; fi
    if [ -n "$way" ]; then
        echo "note: runtime: $way (reloaded: $1)"
    else
        echo "note: runtime: none, reload ($why)"
    fi
    exit 0
}

# ---- the stats socket

# The plan's commands of a kind, as many at a time as fit well into a buffer of HAProxy's; the state after the last.
send() # add | del
{
    answers=
    last=
    batches=$(printf '%s\n' "$plan" | sed -n "s/^$1 //p" | awk '
        length(line) > 8000 { print line; line = "" }
        { line = line $0 ";" }
        END { print line }')
    while read -r batch; do
        [ -z "$last" ] || answers="$answers$(api "$last")
"
        last=$batch
    done <<END
$batches
END
    answers="$answers$(api "$last$show")"
}

# Servers with requests under way stay in maintenance until these have ended; the next change removes them.
let_go() # POOL/NAME...
{
    turns=0
    while [ "${result%% *}" = leaving ] && [ $turns -lt 20 ]; do
        turns=$((turns + 1))
        sleep 0.05
        line=
        for server in ${result#leaving}; do line="${line}del server $server;"; done
        result=$(api "$line$show" | outcome "$plan" "$pools")
    done
}

change()
{
    find_inherited
    plan=$(printf '%s\n' "$state" | plan "$pools")
    result="done"
    case $nl$plan in
    *"${nl}reload "*) reload "${plan##*reload }" ;;
    *"${nl}add "*)
        send add
        result=$(printf '%s\n' "$answers" | outcome "$(printf '%s\n' "$plan" | sed '/^gone /d')" "$pools")
        ;;
    esac
    # What is to stand in for them has come.
    case $result$nl$plan in
    done*"${nl}del "*)
        send del
        result=$(printf '%s\n' "$answers" | outcome "$plan" "$pools")
        let_go
        ;;
    esac
    case $result in
    done) echo "note: runtime: $way" ;;
    leaving*) echo "note: runtime: $way (in maintenance until idle:${result#leaving})" ;;
    *) reload "${result#reload }" ;;
    esac
}

# What pools there are, in "$pools", $show asks for and $state tells; else $reason is why it takes a reload.
look()
{
    reason=
    pools=
    show=
    count=0
    for n in ${BALANCERFS_CHANGED-}; do
        count=$((count + 1))
        pools="$pools ${n%.cfg}"
        show="${show:+$show;}show servers state ${n%.cfg}"
        if ! [ -e "$n" ]; then
            reason="pool ${n%.cfg} is gone"
        elif ! [ -e "$BALANCERFS_OLD/$n" ]; then
            reason="pool ${n%.cfg} is new"
        fi
    done
    state=
    if [ $count -eq 0 ]; then
        reason="what has changed is not known"
    elif [ $count -gt 200 ]; then
        reason="more than 200 pools have changed"
        pools=
    elif find_way; then
        state=$(api "$show")
        if [ -z "$state" ]; then
            way=
            why="$runtime_socket does not answer"
        fi
    fi
}

look
if [ -n "$reason" ] || [ -z "$way" ]; then
    reload "$reason"
fi
change
