#!/bin/sh
# shellcheck disable=SC2034,SC2154 # settings, and names that agent_change.sh uses
# The loop that runs on a host, one per session; agent.h has its states and its protocol. Before it stand the settings:
# nonce dir suffix test_cmd reload_cmd tmpdir beat. Few processes per change matter most: what a builtin can do, it does.
#
# All of it is in $dir.balancerfs, which no server's glob matches and which is as safe as $dir itself:
#   lock       held by flock on descriptor 9 (closed for every child that may last: a daemon would keep it for ever)
#   begin      the journal: job, had and new files, "end"; then "commit", and "rollback" when the reload failed
#   job.N.PID/ new/ what is to be put in place, old/ links to what was there, out what a command said

nl='
'
their_lc=${LC_ALL-}
has_lc=${LC_ALL+yes}
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
umask 022
trap '' HUP PIPE

home=.balancerfs
turn=0
job=$home/job.$turn.$$
state=idle
seq=0
known=
known_names=

say() # WORD [TEXT]
{
    printf '%s %s %s\n%s' "$nonce" "$1" "${#2}" "${2-}" 2>/dev/null
}

# ---- the files

# The files that may be pools, in $names.
look()
{
    names=
    for n in *"$suffix"; do
        case $n in
        [!A-Za-z0-9]* | *[!A-Za-z0-9_.-]*) continue ;;
        esac
        [ -f "$n" ] && [ -r "$n" ] && names="$names $n"
    done
    return 0
}

# Their digests, in $now; fails when one went away meanwhile.
# shellcheck disable=SC2086 # names were checked by look and have no blanks
digest()
{
    now=
    [ -z "$names" ] || now=$(sha256sum -- $names 2>/dev/null)
}

# shellcheck disable=SC2086
send_files()
{
    sizes=$(wc -c -- $names 2>/dev/null) || return 1
    total=${sizes##*"$nl"}
    total=${total#"${total%%[! ]*}"}
    total=${total%% *}
    say files "$now$nl$sizes$nl"
    # As much as was announced, whatever becomes of the files meanwhile.
    cat -- $names /dev/zero 2>/dev/null | head -c "$total"
}

do_read() # all | same: the latter if what was read last in this session is known still
{
    heal
    look
    digest || { say changed; return; }
    if [ "$1" = same ] && [ "$now" = "$known" ] && [ "$names" = "$known_names" ]; then
        say same "$seq"
        return
    fi
    was=$now
    if [ -z "$names" ]; then
        say files
    else
        send_files || { say changed; return; }
    fi
    digest
    if [ "$now" != "$was" ]; then
        say changed
        return
    fi
    known=$now
    known_names=$names
    seq=$((seq + 1))
    say end "$seq"
}

# ---- the lock

open_lock()
{
    [ -d "$home" ] || (umask 077 && mkdir "$home") || [ -d "$home" ] || return 1
    if [ -h "$home" ] || ! [ -O "$home" ]; then
        echo "$dir$home belongs to somebody else: remove it" >&2
        return 1
    fi
    true >>"$home/lock" || return 1
}

take_lock() # SECONDS: 0; 1: it cannot be taken ($said); 2: another one holds it
{
    said=$(open_lock 2>&1) || return 1
    exec 9>>"$home/lock"
    if [ "$1" -gt 0 ]; then flock -w "$1" 9; else flock -n 9; fi || {
        exec 9>&-
        return 2
    }
    recover
}

drop_lock()
{
    exec 9>&-
    state=idle
}

# What a session that died has left is put right before anything else, unless another one is just at it.
heal()
{
    [ "$state" = idle ] && [ -d "$home" ] || return 0
    [ -e "$home/begin" ] || return 0
    if take_lock 0; then
        exec 9>&-
    fi
}

# ---- the loop

# The next request in $request; while there is something to put back, only as long as the client is heard. The one that
# reads then may read ahead: a client that holds a lock sends nothing after a line before it is answered.
next()
{
    if [ "$state" = idle ]; then
        read -r request
        return
    fi
    request=$(timeout "$beat" head -n 1 9>&-)
    [ -n "$request" ] || settle
    return 0
}

start()
{
    for n in cat cp flock head ln mkdir mv rm sha256sum sync tail timeout wc; do
        command -v "$n" >/dev/null 2>&1 || {
            say failed "$n is missing on the host: install it"
            exit 1
        }
    done
    if ! said=$(cd "$dir" 2>&1); then
        say failed "${said:-$dir: no such directory}"
        exit 1
    fi
    cd "$dir" || exit 1
    trap 'settle; exit 1' INT TERM
    heal
    say ready
}

start
# shellcheck disable=SC2086 # words are wanted
while next; do
    if ! cd "$dir" 2>/dev/null; then
        settle
        say failed "$dir is gone"
        exit 1
    fi
    set -- $request
    op=${1-}
    [ $# -eq 0 ] || shift
    case $op in
    '') ;;
    read) do_read "$@" ;;
    lock) do_lock "$@" ;;
    prepare) do_prepare "$@" ;;
    commit) do_commit "$@" ;;
    rollback) do_rollback "$@" ;;
    abort | forget)
        settle
        say ok
        ;;
    ping) say ok ;;
    *)
        settle
        say bad
        exit 1
        ;;
    esac
done
settle
