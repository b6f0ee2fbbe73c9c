#!/bin/sh
# A pool by hand, in plain shell, with the balancer's own words when it refuses.
#
#     pool.sh list POOL                         POOL: /mnt/balancers/web/app
#     pool.sh add|delete POOL NODE...           each node a transaction of its own
#     pool.sh set POOL NODE...                  exactly these nodes, in one transaction
#
# What is so already causes no call, so it may run from cron. Quote nodes with brackets: '[2001:db8::3]:8080'.
set -eu

usage()
{
    sed -n 's/^#     //p' "$0" >&2
    exit 2
}

# The last error in full, of the balancer's .status.
explain()
{
    sed -n '/^last_error:/,/^[a-z]/p' "$1/../.status" | sed '$d' >&2
    exit 1
}

[ $# -ge 2 ] || usage
command=$1 pool=$2
shift 2

case $command in
list)
    ls "$pool"
    ;;
add)
    for node; do touch "$pool/$node" || explain "$pool"; done
    ;;
delete)
    for node; do rm -f "$pool/$node" || explain "$pool"; done
    ;;
set)
    # Not by >, since a shell does not tell when the close of a file fails: that is the answer of .nodes.
    printf '%s\n' "$@" | tee "$pool/.nodes" >/dev/null || explain "$pool"
    ;;
*)
    usage
    ;;
esac
