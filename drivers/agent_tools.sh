#!/bin/sh
# shellcheck disable=SC2034,SC2086,SC2154 # settings and names of agent.sh; words are wanted
# The part of agent.sh that needs programs, for what it does to files and to hold the lock. Each costs a process, and a
# dozen of them more than all else in a change. So one process does what they do, where the host has a perl: $tools, which
# is agent_tools.pl. It comes after the first change of a session. Functions only; it comes first in what is sent to a host.

# ---- the helper

start_helper()
{
    [ -z "$helper" ] && [ -n "$made" ] && [ -n "$tools" ] && [ -e /proc/self/fd ] || return 0
    helper_tools=$tools
    tools=  # once: what goes wrong would go wrong again
    command -v perl >/dev/null && { [ -f "$home/lock" ] || make_lock 2>/dev/null; } && [ -r "$home/lock" ] || return 0
    if mkdir -m 700 "$pipes" 2>/dev/null && mkfifo "$pipes/to" "$pipes/from" 2>/dev/null; then
        open_helper
        ask_line "$helper_tools" && return
    fi
    end_helper
}

# The lock for reading and the pipes not removed: an idle session shall not keep the file system from being made read-only.
# Both ends of a pipe are open here until the other process has its own: only then does an end show, to who reads and to who
# writes.
open_helper()
{
    exec 9<"$home/lock" 4<>"$pipes/to" 7<>"$pipes/from" 3<&0
    exec 5<"$pipes/to" 6<"$pipes/from"
    exec 8>"$pipes/to" 4<&-
    perl - "$dir" "$tmpdir" ${has_lc:+"$their_lc"} <&5 >&7 2>/dev/null 5<&- 6<&- 7>&- 8>&- &
    helper=$!
    exec 3<&- 5<&- 7>&-
}

# What it is at it ends first.
end_helper()
{
    if [ -n "$helper" ]; then
        exec 8>&-
        while read -r reply; do :; done <&6
        exec 6<&-
        helper=
    fi
    [ ! -d "$pipes" ] || rm -rf "$pipes"
}

# Its status, and its text in $answer; 125 when there is none.
ask_line() # REQUEST
{
    answer=
    [ -n "$helper" ] || return 125
    printf '%s\n' "$1" 2>/dev/null >&8
    # With the IFS that there is: bash runs a trap within read, and what the trap does needs it.
    while read -r reply; do
        case $reply in
        =*) return "${reply#=}" ;;
        esac
        answer=$answer${answer:+$nl}${reply#-}
    done <&6
    end_helper
    return 125
}

ask() # WORD...
{
    ask_line "$*"
}

# ---- what it does, or a program

# What it could not do, or had not done when it ended, is left to the program, and so is saying why.
move_here() # FILE...
{
    was=$helper
    ask move "$@" && return
    if [ -n "$helper" ]; then
        shift "${answer:-0}"
    elif [ -n "$was" ]; then
        for n; do
            shift
            if [ -e "$n" ] || [ -h "$n" ]; then set -- "$@" "$n"; fi
        done
        [ $# -gt 0 ] || return 0
    fi
    mv -f -- "$@" ./
}

copy_made() # DIRECTORY FILE...: their mode and owner matter
{
    ask copy "$@" && return
    to=$1
    shift
    cp -p -- "$@" "$to/"
}

link_or_copy() # DIRECTORY FILE...
{
    ask link "$@" && return
    to=$1
    shift
    for n; do
        [ ! -e "$to/$n" ] || rm -f -- "$to/$n"
    done
    ln -- "$@" "$to/" || cp -pP -- "$@" "$to/"
}

to_disk() # FILE...
{
    ask sync "$@" || sync -- "$@" 2>/dev/null || sync
}

remove() # FILE...
{
    ask remove "$@" || rm -f -- "$@"
}

# In $answer. A long answer the shell reads from a program with less work.
digest_of() # FILE...
{
    [ $# -gt 20 ] || ! ask digest "$@" || return 0
    answer=$(sha256sum -- "$@" 2>/dev/null)
}

# ---- the lock

# On descriptor 9: 0, 1 if another one holds it, or else.
lock_file() # SECONDS
{
    [ -z "$helper" ] || is_lock || close_lock
    ask lock
    case $? in
    0) return ;;
    1) ;;
    *) # NFS, for one, wants it open for writing
        close_lock
        exec 9>>"$home/lock"
        ;;
    esac
    if [ "$1" -gt 0 ]; then flock -w "$1" 9; else flock -n 9; fi
}

# Somebody may have removed the file: what we hold then is no lock.
is_lock()
{
    # shellcheck disable=SC3013 # every sh that there is has -ef
    ! [ -e /proc/self/fd/9 ] || [ "$home/lock" -ef /proc/self/fd/9 ]
}

# The helper keeps the descriptor.
free_lock()
{
    ask unlock || close_lock
}

close_lock()
{
    end_helper
    exec 9>&-
}

# ---- the client

# A line within $beat seconds, in $line. (With a descriptor closed for head, or it would be one more to hold the lock.)
patient_line()
{
    line=
    if [ -n "$patience" ]; then
        # shellcheck disable=SC3045
        read -r -t "$beat" line || line=
    elif ask hear "$beat"; then
        line=$answer
    elif [ -z "$helper" ]; then
        line=$(timeout "$beat" head -n 1 9>&-)
    fi
    [ -n "$line" ]
}

# ---- the commands

# COMMAND, for $secs seconds, its output in $job/out, while the files go to disk; its status. It is told $old and $changed.
command_run() # COMMAND FILE...
{
    command_is=$1
    shift
    if [ -n "$helper" ]; then
        ask_line "run $secs $job/out ${#command_is} $*$nl$old$nl$changed$nl$command_is"
        rc=$?
        [ -z "$helper" ] || return $rc
    fi
    syncs=
    if [ $# -gt 0 ]; then
        sync -- "$@" 2>/dev/null 6<&- 8>&- 9>&- &
        syncs=$!
    fi
    command_alone "$command_is" </dev/null >"$job/out" 2>&1 6<&- 8>&- 9>&-
    rc=$?
    [ -z "$syncs" ] || wait "$syncs"
    return $rc
}

# Without the helper, in a process of its own.
command_alone() # COMMAND
{
    (
        unset BALANCERFS_OLD BALANCERFS_CHANGED
        if [ -n "$old" ]; then
            BALANCERFS_OLD=$old BALANCERFS_CHANGED=$changed
            export BALANCERFS_OLD BALANCERFS_CHANGED
        fi
        trap - PIPE
        # bash speaks up when the host has no such locale
        { if [ -n "$has_lc" ]; then LC_ALL=$their_lc; else unset LC_ALL; fi; } 2>/dev/null
        TMPDIR=$tmpdir
        export TMPDIR
        if is_plain "$1"; then exec timeout -k 2 "$secs" $1; fi
        exec timeout -k 2 "$secs" sh -c "$1"
    )
}

# In a process of its own. Are these plain words, the first of them a program? Then no shell has to be started for them.
is_plain() # COMMAND
{
    case $1 in
    [!A-Za-z0-9_/]* | *[!A-Za-z0-9_/.\ :,@%+-]*) return 1 ;;
    esac
    program=${1%% *}
    case $program in
    /*)
        [ -f "$program" ] && [ -x "$program" ]
        return
        ;;
    */*) return 1 ;;
    esac
    IFS=:
    for n in $PATH; do
        if [ -f "$n/$program" ] && [ -x "$n/$program" ]; then
            IFS=' '
            return 0
        fi
    done
    return 1
}
