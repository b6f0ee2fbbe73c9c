#!/bin/sh
# shellcheck disable=SC2034,SC2154 # settings, and names that the other two use
# The loop that runs on a host, one per session; agent.h has its states and its protocol. Before it stand the settings:
# nonce dir suffix test_cmd reload_cmd tmpdir beat. Few processes per change matter most: what a builtin can do, it does.
#
# All of it is in $dir.balancerfs, which no server's glob matches and which is as safe as $dir itself:
#   lock       held by flock on descriptor 9 (closed for every child that may last: a daemon would keep it for ever);
#              has a number that grows whenever files are put in place or back
#   begin      the journal: job, had and new files, "quiet" when no server has to be told, "sums" and those of what is put
#              in place, "end"; then "commit", and "rollback" when the reload failed
#   job.N.PID/ new/ what is to be put in place, old/ links to what was there, out what a command said
#   job.pipes.PID/ to the helper and from it
# And $dir.balancerfs-missed: what hosts that are down have missed; read and changed as if it were a pool's file.

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
record=.balancerfs-missed
turn=0
job=$home/job.$turn.$$
helper=
pipes=$home/job.pipes.$$
state=idle
seq=0
known=
known_names=
before=
quiet=
secs=
stuck=
made=
open=
patience=  # has read a time limit? Then none of our own processes has to watch the clock
# shellcheck disable=SC3045
if (echo | read -r -t 1 n) 2>/dev/null; then patience=yes; fi

say() # WORD [TEXT]
{
    printf '%s %s %s\n%s' "$nonce" "$1" "${#2}" "${2-}" 2>/dev/null
}

# ---- the files

# The files that may be pools, in $names.
look()
{
    names=
    if [ -f $record ] && [ -r $record ]; then names=" $record"; fi
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
    [ -z "$names" ] || { digest_of $names; now=$answer$nl; }
    [ "$now" != "$nl" ]
}

# How often files were put in place or back, in $moves. Digests alone do not tell that a file was changed and changed back
# while it was read.
moves()
{
    moves=
    [ ! -f "$home/lock" ] || read -r moves 2>/dev/null <"$home/lock" || true
}

# What the client is sent: as much as was announced, whatever becomes of the files meanwhile.
send() # FILE...
{
    if [ $# -eq 0 ]; then
        say files
        return
    fi
    total=${sizes##*"$nl"}
    total=${total#"${total%%[! ]*}"}
    total=${total%% *}
    say files "$now$sizes$nl"
    cat -- "$@" /dev/zero 2>/dev/null | head -c "$total"
}

learn_read()
{
    known=$now
    known_names=$names
    seq=$((seq + 1))
    say end "$seq$open"
}

# What is read while another session's change is undecided may be gone again: it is awaited, or the end says " open".
# shellcheck disable=SC2086
do_read() # all | same | calm, SECONDS: same if what was read last in this session is known still; calm with the lock
{
    if [ "$1" = calm ] && [ "$state" = idle ]; then
        read_calmly "$2" && return
    else
        heal "$2"
    fi
    moves
    was_moves=$moves
    look
    digest || { say changed; return; }
    if [ "$1" = same ] && [ "$now" = "$known" ] && [ "$names" = "$known_names" ]; then
        if begun; then say changed; else say same "$seq$open"; fi
        return
    fi
    was=$now
    [ -z "$names" ] || sizes=$(wc -c -- $names 2>/dev/null) || { say changed; return; }
    send $names
    digest
    moves
    if [ "$now" != "$was" ] || [ "$moves" != "$was_moves" ] || begun; then
        say changed
        return
    fi
    learn_read
}

# Others that change the files all the time have to wait, but not for the client: it is sent a copy. Fails when there can be
# none, with nothing said.
read_calmly() # SECONDS
{
    open=
    take_lock "$1" || {
        ! begun || open=' open'
        return 1
    }
    make_job
    look
    copy_names
    rc=$?
    drop_lock
    if [ $rc -eq 0 ]; then
        send ${names:+"$job/in"}
        learn_read
    fi
    [ -z "$made" ] || rm -f "$job/in"
    return $rc
}

# In $job/in, with $sizes and $now. A person may change them all the same.
# shellcheck disable=SC2086
copy_names()
{
    digest || return 1
    [ -n "$names" ] || return 0
    was=$now
    [ -n "$made" ] && sizes=$(wc -c -- $names 2>/dev/null) && cat -- $names 2>/dev/null >"$job/in" &&
        digest && [ "$now" = "$was" ]
}

# ---- the lock

# Nobody else's: or he could have us write anywhere.
own_home()
{
    if [ -e "$home" ] || [ -h "$home" ]; then
        [ ! -h "$home" ] && [ -d "$home" ] && [ -O "$home" ]
    fi
}

make_lock()
{
    own_home || {
        echo "$dir$home belongs to somebody else: remove it" >&2
        return 1
    }
    [ -d "$home" ] || (umask 077 && mkdir "$home") || own_home || return 1
    true >>"$home/lock"
}

take_lock() # SECONDS: 0; 1: it cannot be taken ($said); 2: another one holds it
{
    if ! own_home || [ ! -w "$home/lock" ]; then
        said=$(make_lock 2>&1) || return 1
    fi
    lock_file "$1"
    case $? in
    0) ;;
    1)
        free_lock
        return 2
        ;;
    *)
        free_lock
        said="flock does not work on the host"
        return 1
        ;;
    esac
    is_lock || {
        close_lock
        take_lock "$1"
        return
    }
    recover
}

drop_lock()
{
    free_lock
    state=idle
}

# Is a change of another session under way, or was it left so?
begun()
{
    [ "$state" = idle ] && [ -z "$open" ] && [ -s "$home/begin" ]
}

# What a session that died has left is put right before anything else. Another one that is just at it is awaited for
# SECONDS; then $open.
heal()
{
    open=
    while begun; do
        take_lock "$1"
        case $? in
        0) free_lock ;;
        *) open=' open' ;;
        esac
    done
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
    patient_line || {
        settle
        stuck=
    }
    request=$line
    return 0
}

start()
{
    for n in cat cp flock head ln mkdir mv rm sed sha256sum sort sync tail timeout tr wc; do
        command -v "$n" >/dev/null 2>&1 || {
            say failed "$n is missing on the host: install it"
            exit 1
        }
    done
    if ! said=$(cd "$dir" 2>&1); then
        [ -d "$dir" ] || said="include_dir $dir: no such directory on the host"
        say failed "${said:-include_dir $dir cannot be entered}"
        exit 1
    fi
    cd "$dir" || exit 1
    trap 'unset IFS; end_helper; settle; exit 1' INT TERM
    trap end_helper EXIT
    heal 0
    say ready
}

start
# shellcheck disable=SC2086 # words are wanted
while next; do
    if ! cd "$dir" 2>/dev/null; then
        settle
        say failed "include_dir $dir is gone from the host"
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
    test) do_test "$@" ;;
    commit) do_commit "$@" ;;
    rollback) do_rollback "$@" ;;
    abort) do_abort ;;
    forget) do_forget ;;
    ping) say ok ;;
    *)
        settle
        say bad
        exit 1
        ;;
    esac
done
settle
[ -z "$made" ] || rm -rf "$job"
