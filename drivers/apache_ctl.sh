#!/bin/sh
# shellcheck disable=SC2034,SC2154 # settings: test_cmd reload_cmd; names that the other two use
# What apache_test.sh and apache_reload.sh have in common: the server is asked for its modules, files and pid. Functions
# only; it comes before either in what is sent to a host.

# The program that test_cmd calls, or the one that there is, in $ctl.
find_ctl()
{
    ctl=${test_cmd%% *}
    case ${ctl##*/} in
    apache2ctl* | apachectl* | httpd*) return 0 ;;
    esac
    for ctl in apache2ctl apachectl httpd; do
        if command -v "$ctl" >/dev/null 2>&1; then return 0; fi
    done
    ctl=
    return 1
}

# One call that tests the configuration and tells what is in it, in $dump.
ask()
{
    dump=$("$ctl" -t -D DUMP_MODULES -D DUMP_INCLUDES -D DUMP_RUN_CFG 2>&1)
}

# $pid_file as it was told, and $pid.
find_pid()
{
    pid=
    pid_file=
    case $dump in
    *'PidFile: "'*)
        pid_file=${dump##*PidFile: \"}
        pid_file=${pid_file%%\"*}
        ;;
    esac
    [ -r "$pid_file" ] || return 0
    read -r pid <"$pid_file" || true
}

# A pid file may be left from a server that is no more.
is_alive()
{
    case $pid in
    '' | *[!0-9]*) return 1 ;;
    esac
    kill -0 "$pid" 2>/dev/null || return 1
    comm=
    [ ! -r "/proc/$pid/comm" ] || read -r comm <"/proc/$pid/comm" || true
    case $comm in
    '' | apache* | httpd*) return 0 ;;
    esac
    return 1
}

# A graceful reload of a stopped server is a start, which is not ours to do.
must_run()
{
    case $reload_cmd in
    *graceful*) ;;
    *) return 0 ;;
    esac
    find_pid
    is_alive || fail "apache is not running, and $reload_cmd would start it: start it first"
}

# What a server said, without what it always says.
plain()
{
    printf '%s\n' "$1" | sed -e '/AH00558/d' -e '/^Action .* failed\.$/d' -e '/^The Apache error log may/d'
}

fail() # WHY
{
    echo "$1"
    exit 1
}
