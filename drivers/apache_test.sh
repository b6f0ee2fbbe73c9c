#!/bin/sh
# shellcheck disable=SC2154 # settings: test_cmd reload_cmd; functions and names of apache_ctl.sh
# Runs on a host in place of test_cmd, for what a configuration test of Apache does not notice: a missing module, with
# which it passes and a graceful reload ends the server; a pool that is gone and still used, which is answered for with
# 503; a stopped server. Output is the reason of a failure.

# Modules of balancing methods that the pools here name, or the default's; none: there is no pool.
methods()
{
    set -- ./*.conf
    [ -f "$1" ] || return 0
    awk '
    function finish() {
        if (is_pool) print "lbmethod_" method
        is_pool = 0
        method = "byrequests"
    }
    FNR == 1 { finish() }
    { line = tolower($0) }
    line ~ /^[ \t]*#/ { next }
    line ~ /^[ \t]*<proxy[ \t]+["\047]?balancer:/ { is_pool = 1 }
    line ~ /^[ \t]*<\/proxy>/ { finish() }
    match(line, /lbmethod=["\047]?[a-z_]+/) {
        method = substr(line, RSTART, RLENGTH)
        gsub(/lbmethod=["\047]?/, "", method)
    }
    END { finish() }' "$@" | sort -u
}

check_modules()
{
    methods=$(methods)
    [ -n "$methods" ] || return 0
    missing=
    for module in proxy proxy_http proxy_balancer slotmem_shm $methods; do
        case $dump in
        *" ${module}_module ("*) ;;
        *) missing="$missing $module" ;;
        esac
    done
    [ -z "$missing" ] || fail "modules are missing without which a reload may end the server: run a2enmod$missing"
}

# The first line of the configuration that uses one of the pools.
use_of() # POOL...
{
    printf '%s\n' "$dump" | awk -v pools="$*" '
    function look(file,    line, low, i, at, n) {
        while ((getline line < file) > 0) {
            n++
            low = tolower(line)
            if (low ~ /^[ \t]*#/) continue
            for (i = 1; i <= count; i++)
                for (at = index(low, "balancer://" pool[i]); at; at = next_at(low, "balancer://" pool[i], at))
                    if (substr(low, at + 11 + length(pool[i]), 1) !~ /[a-z0-9_.-]/) {
                        sub(/^[ \t]+/, "", line)
                        print "pool " name[i] " is used by " file ":" n ": " line
                        exit
                    }
        }
        close(file)
    }
    function next_at(text, word, at,    more) {
        more = index(substr(text, at + 1), word)
        return more ? at + more : 0
    }
    BEGIN {
        count = split(pools, name, " ")
        for (i = 1; i <= count; i++) pool[i] = tolower(name[i])
    }
    /^ +\([0-9*]+\) / {
        sub(/^ +\([0-9*]+\) /, "")
        look($0)
    }'
}

check_uses()
{
    set --
    for name in ${BALANCERFS_CHANGED-}; do
        [ -e "$name" ] || set -- "$@" "${name%.conf}"
    done
    [ $# -gt 0 ] || return 0
    use=$(use_of "$@")
    [ -z "$use" ] || fail "$use"
}

if ! find_ctl; then
    exec sh -c "$test_cmd"
fi
if ask; then
    must_run
    check_modules
    check_uses
else
    case $dump in
    *"Invalid command '<Proxy'"* | *"Invalid command 'BalancerMember'"* | *"Invalid command 'ProxySet'"*)
        echo "modules are missing: run a2enmod proxy proxy_http proxy_balancer lbmethod_byrequests"
        ;;
    esac
    case $test_cmd in
    "$ctl" | "$ctl "*) fail "$(plain "$("$ctl" -t 2>&1)")" ;;
    esac
fi
case $test_cmd in
"$ctl configtest" | "$ctl -t") ;;
*) exec sh -c "$test_cmd" ;;
esac
