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

# The files of the configuration that may have a default-server for all pools, a line each in $configs.
find_configs()
{
    configs=
    # shellcheck disable=SC2086 # words are wanted
    set -- $test_cmd
    while [ $# -gt 1 ]; do
        if [ "$1" = -f ]; then add_config "$2"; fi
        shift
    done
    [ -n "$configs" ] || add_config /etc/haproxy/haproxy.cfg
    add_config "$include_dir"
}

# A few files are read sooner by the plan itself.
add_config() # FILE, or a directory of them
{
    if ! [ -d "$1" ]; then
        configs=$configs$nl$1
        return
    fi
    set -- "${1%/}"/*.cfg
    if [ $# -gt 20 ]; then
        configs=$configs$nl$(grep -ls default-server "$@")
        return
    fi
    for n; do configs=$configs$nl$n; done
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
    if [ -n "$way" ] && [ -n "$pools" ] && [ -z "$answers" ]; then ask "$show"; fi
    said=$(do_reload 2>&1) || fail "${said:-exit status $?}"
    if [ -n "$way" ] && [ -n "$pools" ]; then await; fi
    if [ -n "$way" ]; then
        echo "note: runtime: $way (reloaded: $1)"
    else
        echo "note: runtime: none, reload ($why)"
    fi
    exit 0
}

# ---- the stats socket

# What HAProxy answers, after the other $answers; an empty line at least. Nothing at all: there is no $way.
ask() # COMMANDS
{
    answer=$( (api "$1"); echo .)
    answers=$answers${answer%.}
    if [ "$answer" = . ]; then
        answers=
        way=
        why="$runtime_socket does not answer"
        return 1
    fi
}

# A step of the plan, and what came of it in $result.
take_step() # first | second, STATES, WANTED
{
    answers=
    while read -r step commands; do
        case $step in
        "$1") ask "$commands" || break ;;
        first | second) ;;
        *) break ;;
        esac
    done <<END
$plan
END
    [ -n "$way" ] || reload
    judge "$2" "$3"
}

judge() # STATES WANTED
{
    # shellcheck disable=SC2086 # words are wanted
    result=$(outcome "$1" "$2" $pools <<END
$plan
$answers
END
    )
    case $result in
    'reload '*) reload "${result#reload }" ;;
    'late '*)
        late=${result%%"$nl"*}
        late=${late#late}
        result=${result#*"$nl"}
        ;;
    esac
}

# Servers with requests under way stay in maintenance until these have ended; the next change removes them. Idle
# connections to them end by themselves within milliseconds.
let_go() # POOL/NAME...
{
    turns=0
    while [ "${result%% *}" = leaving ] && [ $turns -lt 20 ]; do
        turns=$((turns + 1))
        if [ $turns -le 2 ]; then sleep 0.01; else sleep 0.05; fi
        remove "${result#leaving}"
        judge 1 all
    done
}

remove() # POOL/NAME...
{
    commands=
    for server in $1; do commands="${commands}del server $server;"; done
    answers=
    ask "$commands$show" || reload
}

change()
{
    find_configs
    # shellcheck disable=SC2086 # words are wanted
    plan=$(plan $pools)
    late=
    case $plan in
    'reload '*) reload "${plan#reload }" ;;
    *"${nl}second "*)
        # What is to stand in for those that go comes first.
        take_step first 2 here
        take_step second 1 all
        ;;
    *) take_step first 2 all ;;
    esac
    [ -z "$late" ] || remove "$late"
    let_go
    case $result in
    done) echo "note: runtime: $way" ;;
    *) echo "note: runtime: $way (in maintenance until idle:${result#leaving})" ;;
    esac
}

# What pools there are, in $pools, and what $show asks for; else $reason is why it takes a reload.
look()
{
    reason=
    pools=
    show=
    answers=
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
    if [ $count -eq 0 ]; then
        reason="what has changed is not known"
    elif [ $count -gt 200 ]; then
        reason="more than 200 pools have changed"
        pools=
    fi
}

look
if ! find_way || [ -n "$reason" ]; then
    reload "$reason"
fi
change
