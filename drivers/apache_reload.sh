#!/bin/sh
# shellcheck disable=SC2154 # settings: test_cmd reload_cmd; functions and names of apache_ctl.sh
# Runs on a host in place of reload_cmd: never starts a stopped server, and is back when the server has taken up the new
# configuration, which it does some time after a graceful reload: it then writes its pid file anew.

stamp()
{
    stat -c '%i %y' "$pid_file" 2>/dev/null
}

await()
{
    turns=0
    now=$(stamp)
    # Without the file it is about to end.
    while [ "$now" = "$before" ] || [ -z "$now" ]; do
        is_alive || fail "apache has ended at the reload: see its error log"
        turns=$((turns + 1))
        [ $turns -lt 400 ] || fail "apache has not taken up the configuration 20 s after the reload: see its error log"
        sleep 0.05
        now=$(stamp)
    done
    is_alive || fail "apache has ended at the reload: see its error log"
}

# Other commands may be anything, and write no pid file.
is_graceful()
{
    case $reload_cmd in
    *graceful* | *'apache2 reload'* | *'reload apache2'* | *'httpd reload'* | *'reload httpd'*) ;;
    *) return 1 ;;
    esac
}

before=
if is_graceful && find_ctl && ask; then
    must_run
    find_pid
    if is_alive; then before=$(stamp); fi
fi
said=$(sh -c "$reload_cmd" 2>&1) || fail "$(plain "$said")"
[ -z "$before" ] || await
