#!/bin/sh
# shellcheck disable=SC2034,SC2154 # settings and names of agent.sh
# The part of agent.sh that changes files: putting in place, the two commands, putting back. Functions only; it comes
# before agent.sh in what is sent to a host.

# ---- putting back

read_journal() # in $mark, $was_job, $back and $gone; fails when it is not complete: nothing was renamed then
{
    mark=
    was_job=
    back=
    gone=
    while read -r what name; do
        case $what in
        job) was_job=$name ;;
        had) back="$back $name" ;;
        new) gone="$gone $name" ;;
        end | commit | rollback) mark=$what ;;
        esac
    done <"$home/begin"
    [ -n "$mark" ]
}

# With the lock. Whoever comes here finds neither old nor new by halves afterwards.
recover()
{
    if [ -e "$home/begin" ]; then
        if read_journal; then
            settle_journal
        else
            rm -rf "$home/begin"
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
    said=
    case $mark in
    end) if put_back; then forget; fi ;;
    rollback) undo ;;
    commit) if run "$reload_cmd"; then forget; else undo; fi ;;
    esac
    job=$mine
}

forget()
{
    rm -rf "$home/begin" "$job"
}

# $back and $gone of $job; can be done again as long as the journal is there.
put_back()
{
    set --
    for n in $back; do
        [ -e "$job/old/$n" ] || [ -h "$job/old/$n" ] || continue
        # mv refuses what is one file. Every sh that there is has -ef.
        # shellcheck disable=SC3013
        [ "$job/old/$n" -ef "$n" ] || set -- "$@" "$job/old/$n"
    done
    [ $# -eq 0 ] || mv -f -- "$@" ./ || return 1
    for n in $gone; do
        [ ! -e "$n" ] || rm -f -- "$n" || return 1
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
    said="$1; and the old files cannot be put back: $said"
    turn=$((turn + 1))
    job=$home/job.$turn.$$
}

# The end of a transaction that nobody decides any more.
settle()
{
    case $state in
    prepared) if put_back 2>/dev/null; then forget; else keep_journal ""; fi ;;
    committed) forget ;;
    esac
    drop_lock
}

# ---- commands of the user

# COMMAND: 0; 1: it failed; 2: it did not end in $secs. What it said is in $said; of a success, only a first line
# "note: TEXT". It may know from $before what has changed.
run()
{
    said=
    [ -n "$1" ] || return 0
    changed=$back$gone
    (
        unset BALANCERFS_OLD BALANCERFS_CHANGED
        if [ -n "$before" ] && [ ${#changed} -lt 100000 ]; then
            BALANCERFS_OLD=$before BALANCERFS_CHANGED=${changed# }
            export BALANCERFS_OLD BALANCERFS_CHANGED
        fi
        trap - PIPE
        if [ -n "$has_lc" ]; then LC_ALL=$their_lc; else unset LC_ALL; fi
        TMPDIR=$tmpdir
        export TMPDIR
        exec timeout -k 2 "$secs" sh -c "$1"
    ) </dev/null >"$job/out" 2>&1 9>&-
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

# ---- prepare

# put:NAME:LENGTH and cut:NAME, in $puts (with lengths in $lens) and $cuts; those that are there now, in $had.
parse()
{
    puts=
    lens=
    cuts=
    had=
    for item; do
        name=${item#*:}
        name=${name%%:*}
        case $name in
        '' | [!A-Za-z0-9]* | *[!A-Za-z0-9_.-]*) return 1 ;;
        esac
        case $item in
        put:*:*[!0-9]*) return 1 ;;
        put:*:*) puts="$puts $name" lens="$lens ${item##*:}" ;;
        cut:*) cuts="$cuts $name" ;;
        *) return 1 ;;
        esac
        if [ -e "$name" ] || [ -h "$name" ]; then had="$had $name"; fi
    done
}

# The contents, complete, in $job/new; without the lock. An old file's mode and owner are kept.
# shellcheck disable=SC2086
receive() # TOTAL
{
    (umask 077 && mkdir -p "$job/new" "$job/old") || return 1
    set -- "$1"
    for n in $puts; do
        [ ! -f "$n" ] || set -- "$@" "$n"
    done
    one=$1
    shift
    [ $# -eq 0 ] || cp -p -- "$@" "$job/new/" || return 1
    case $puts in
    '') ;;
    ' '*' '*)
        take "$one" >"$job/in" && [ "$(wc -c <"$job/in")" -eq "$one" ] && divide && rm "$job/in"
        ;;
    *)
        take "$one" >"$job/new/${puts# }" && [ "$(wc -c <"$job/new/${puts# }")" -eq "$one" ]
        ;;
    esac
}

take() # LENGTH
{
    if [ "$state" = locked ]; then
        timeout "$beat" head -c "$1" 9>&-
    else
        head -c "$1"
    fi
}

# $job/in into $puts by $lens.
# shellcheck disable=SC2086
divide()
{
    set -- $lens
    at=1
    for n in $puts; do
        tail -c "+$at" "$job/in" | head -c "$1" >"$job/new/$n" || return 1
        at=$((at + $1))
        shift
    done
}

# Is what the client's edit started from still what is here?
# shellcheck disable=SC2086
fresh() # SEQ
{
    [ "$1" = "$seq" ] || return 1
    look
    [ "$names" = "$known_names" ] || return 1
    for n in $cuts; do
        case "$names " in *" $n "*) ;; *) return 1 ;; esac
    done
    for n in $had; do
        case "$names " in *" $n "*) ;; *) return 1 ;; esac
    done
    [ -n "$had" ] || return 0
    now=$(sha256sum -- $had 2>/dev/null) || return 1
    while read -r line; do
        case "$nl$known$nl" in *"$nl$line$nl"*) ;; *) return 1 ;; esac
    done <<END
$now
END
}

# Journal first and on disk, then the renames, in the client's order; removals last.
# shellcheck disable=SC2086
put_in_place()
{
    [ -z "$had" ] || ln -- $had "$job/old/" || cp -pP -- $had "$job/old/" || return 1
    {
        echo "job $job" || return 1
        for n in $back; do echo "had $n"; done
        for n in $gone; do echo "new $n"; done
        echo end
    } >"$home/begin" || return 1
    set --
    for n in $puts; do set -- "$@" "$job/new/$n"; done
    sync -- "$@" "$home/begin" "$home" 2>/dev/null || sync
    [ $# -eq 0 ] || mv -f -- "$@" ./ || return 1
    [ -z "$cuts" ] || rm -f -- $cuts
}

do_prepare() # SEQ WAIT SECONDS TOTAL ITEM...
{
    want=$1 wait=$2 secs=$3 total=$4
    shift 4
    was=$state
    if [ "$was" = locked ]; then say go; fi
    if ! parse "$@"; then
        say bad
        exit 1
    fi
    said=$(receive "$total" 2>&1) || {
        refuse "${said:-the contents came short}"
        # What was not read of them is no request.
        exit 1
    }
    if [ "$was" != locked ]; then
        take_lock "$wait"
        case $? in
        1) refuse "$said"; return ;;
        2) refuse_as busy; return ;;
        esac
    fi
    # Only now is it certain what is there.
    had=
    back=
    gone=
    for n in $puts $cuts; do
        if [ -e "$n" ] || [ -h "$n" ]; then had="$had $n"; else gone="$gone $n"; fi
    done
    back=$had
    before=$dir$job/old
    if ! fresh "$want"; then
        refuse_as stale
        return
    fi
    if ! said=$(put_in_place 2>&1); then
        withdraw
        refuse "$said"
        return
    fi
    state=prepared
    run "$test_cmd"
    case $? in
    0) say prepared ;;
    1)
        withdraw
        refuse_as test "$said"
        ;;
    2)
        withdraw
        refuse_as slow "$said"
        ;;
    esac
}

withdraw()
{
    [ -e "$home/begin" ] || return 0
    why=$said
    if said=$(put_back 2>&1); then
        said=$why
        forget
    else
        keep_journal "$why"
    fi
}

refuse_as() # WORD [TEXT]
{
    rm -rf "$job"
    drop_lock
    say "$1" "${2-}"
}

refuse() # TEXT
{
    refuse_as failed "$1"
}

# ---- the decision

do_commit() # SECONDS
{
    secs=$1
    if [ "$state" != prepared ]; then
        say gone
        return
    fi
    if ! said=$( (echo commit >>"$home/begin") 2>&1); then
        withdraw
        refuse "$said"
        return
    fi
    sync -- "$home/begin" ./ 2>/dev/null 9>&- &
    run "$reload_cmd"
    rc=$?
    wait
    state=committed
    if [ $rc -eq 0 ]; then
        say ok "$said"
        return
    fi
    undo
    drop_lock
    case $rc in
    1) say reload "$said" ;;
    2) say slow "$said" ;;
    esac
}

do_rollback() # SECONDS
{
    secs=$1
    if [ "$state" != committed ]; then
        say gone
        return
    fi
    said=
    undo
    drop_lock
    if [ -z "$said" ]; then say ok; else say failed "${said#; and }"; fi
}

do_lock() # WAIT
{
    take_lock "$1"
    case $? in
    0) state=locked && say ok ;;
    1) say failed "$said" ;;
    2) say busy ;;
    esac
}
