#!/bin/sh
# shellcheck disable=SC2034,SC2154 # settings and names of agent.sh
# The part of agent.sh that goes back: the journal, the old files, and the two commands. Functions only; it comes second in
# what is sent to a host.

# ---- putting back

read_journal() # in $mark, $was_job, $back, $gone, $ours and $quiet; fails when it is not complete: nothing was renamed then
{
    mark=
    was_job=
    back=
    gone=
    ours=
    quiet=
    while read -r what name; do
        case $what in
        job) was_job=$name ;;
        sums) ours=$nl ;;
        had) back="$back $name" ;;
        new) gone="$gone $name" ;;
        quiet) quiet=yes ;;
        end | commit | rollback) mark=$what ;;
        *) [ ${#what} -ne 64 ] || ours="$ours$what  $name$nl" ;;
        esac
    done <"$home/begin"
    [ -n "$mark" ]
}

# With the lock. Whoever comes here finds neither old nor new by halves afterwards; if that cannot be had it fails, and
# $said is why: then nothing may be changed here.
recover()
{
    if [ -s "$home/begin" ]; then
        my_quiet=$quiet
        my_secs=$secs
        if read_journal; then settle_journal; else rm -f "$home/begin"; fi
        quiet=$my_quiet
        secs=$my_secs
        if [ -s "$home/begin" ]; then
            free_lock
            return 1
        fi
    fi
    for n in "$home"/job.*; do
        if [ -d "$n" ] && [ "$n" != "$job" ] && ! kill -0 "${n##*.}" 2>/dev/null; then rm -rf "$n"; fi
    done
    return 0
}

settle_journal()
{
    mine=$job
    job=$was_job
    before=
    secs=60
    said="a change before this one was not ended"
    mkdir -p "$job/old"
    case $mark in
    end)
        if why=$(put_back 2>&1); then
            forget
        else
            said="$said; and the old files cannot be put back: $why"
        fi
        ;;
    rollback) undo ;;
    commit) if run "$reload_cmd"; then forget; else undo; fi ;;
    esac
    job=$mine
    stuck=
}

forget()
{
    rm -rf "$home/begin" "$job"
    made=
}

# After a success: what is left is known, and the directories are there for the next change.
clear_job()
{
    set -- "$home/begin" "$job/out" "$job/in"
    for n in $had; do set -- "$@" "$job/old/$n"; done
    remove "$@" || forget
}

# What a person has changed since it was put in place, in $edited. $ours is empty in journals of older versions.
find_edited()
{
    edited=
    set --
    for n in $back $gone; do
        # Every sh that there is has -ef.
        # shellcheck disable=SC3013
        [ ! -f "$n" ] || [ "$job/old/$n" -ef "$n" ] || set -- "$@" "$n"
    done
    [ -n "$ours" ] && [ $# -gt 0 ] || return 0
    sums=$(sha256sum -- "$@") || return 1
    while read -r sum n; do
        case $ours in *"$nl$sum  $n$nl"*) ;; *) edited="$edited $n" ;; esac
    done <<END
$sums
END
}

# With the lock, before files move: whoever is just reading them sees that they did.
moving()
{
    count=
    read -r count pid 2>/dev/null <"$home/lock"
    case $count in '' | *[!0-9]*) count=0 ;; esac
    echo "$((count + 1)) $$" 2>/dev/null >"$home/lock"
}

# $back and $gone of $job, but for what is edited; can be done again as long as the journal is there.
put_back()
{
    find_edited || return 1
    set --
    for n in $back; do
        case "$edited " in *" $n "*) continue ;; esac
        [ -e "$job/old/$n" ] || [ -h "$job/old/$n" ] || continue
        # mv refuses what is one file. Every sh that there is has -ef.
        # shellcheck disable=SC3013
        [ "$job/old/$n" -ef "$n" ] || set -- "$@" "$job/old/$n"
    done
    moving || true
    [ $# -eq 0 ] || move_here "$@" || return 1
    for n in $gone; do
        case "$edited " in *" $n "*) continue ;; esac
        [ ! -e "$n" ] || remove "$n" || return 1
    done
}

# The reload failed here or on another host: old files, and what was in force before.
undo()
{
    echo rollback >>"$home/begin"
    first=$said
    [ -z "$before" ] || keep_new
    said=$(put_back 2>&1) || {
        keep_journal "$first"
        return
    }
    if run "$reload_cmd"; then
        said=$first
    else
        said="$first; and with the old files: $said"
    fi
    forget
}

# For the reload that follows, what will be old then.
keep_new()
{
    set --
    for n in $back $gone; do
        [ ! -f "$n" ] || set -- "$@" "$n"
    done
    before=$dir$job/new
    [ $# -eq 0 ] || ln -- "$@" "$before/" 2>/dev/null || before=
}

# The old files cannot be put back: the journal and all it names stays, for whoever takes the lock next.
keep_journal() # WHY
{
    said="${1:+$1; and }the old files cannot be put back: $said"
    stuck=yes
    turn=$((turn + 1))
    job=$home/job.$turn.$$
    made=
}

# The end of a transaction that nobody decides any more.
settle()
{
    case $state in
    prepared) if said=$(put_back 2>&1); then forget; else keep_journal ""; fi ;;
    committed) clear_job ;;
    esac
    drop_lock
}

# ---- commands of the user

# COMMAND, while the files go to disk: 0; 1: it failed; 2: it did not end in $secs. What it said is in $said; of a success,
# only a first line "note: TEXT". It may know from $before what has changed.
run() # COMMAND FILE...
{
    said=
    if [ -z "$1" ] || [ -n "$quiet" ]; then
        shift
        [ $# -eq 0 ] || to_disk "$@"
        return 0
    fi
    changed=
    for n in $back $gone; do [ "$n" = "$record" ] || changed="$changed $n"; done
    changed=${changed# }
    old=$before
    [ ${#changed} -lt 100000 ] || old=
    command_run "$@"
    rc=$?
    if [ $rc -eq 0 ]; then
        read -r said <"$job/out" || true
        case $said in
        'note: '*) said=${said#note: } ;;
        *) said= ;;
        esac
        return 0
    fi
    said=$(excerpt "$job/out" 2>/dev/null)
    case $rc in
    124 | 137 | 143)
        said="it did not end within $secs s${said:+: $said}"
        return 2
        ;;
    esac
    said=${said:-"exit status $rc"}
    return 1
}

excerpt() # FILE: all of it, or its beginning and its end
{
    if [ "$(wc -c <"$1")" -le 8192 ]; then
        cat "$1"
    else
        head -c 4096 "$1"
        echo ' ...'
        tail -c 4096 "$1"
    fi
}
