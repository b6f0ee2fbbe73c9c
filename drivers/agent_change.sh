#!/bin/sh
# shellcheck disable=SC2034,SC2154 # settings and names of agent.sh
# The part of agent.sh that goes forward: prepare, and the decision. Functions only; it comes between agent_undo.sh and
# agent.sh in what is sent to a host.

# ---- prepare

# put:NAME:LINES, cut:NAME and see:NAME (as it was read, and stays so), in $puts (with $lines), $cuts and $sees. $quiet:
# no server need be told.
parse()
{
    puts=
    lines=
    cuts=
    sees=
    quiet=yes
    for item; do
        name=${item#*:}
        name=${name%%:*}
        case $name in
        "$record") ;;
        '' | [!A-Za-z0-9]* | *[!A-Za-z0-9_.-]*) return 1 ;;
        esac
        case $item in
        put:*:*[!0-9]*) return 1 ;;
        put:*:*) puts="$puts $name" lines="$lines ${item##*:}" ;;
        cut:*) cuts="$cuts $name" ;;
        see:*) sees="$sees $name" ;;
        *) return 1 ;;
        esac
        case $item in
        *:"$record"* | see:*) ;;
        *) quiet= ;;
        esac
    done
}

make_job()
{
    [ -z "$made" ] && own_home || return 0
    umask 077
    mkdir -p "$job/new" "$job/old" 2>/dev/null && made=yes
    umask 022
}

# The contents, complete, in $job/new; without the lock. An old file's mode and owner are kept. What comes short is not
# noticed here: then no commit can follow either.
# shellcheck disable=SC2086
receive() # TOTAL
{
    [ -n "$made" ] || mkdir -p "$job/new" "$job/old" || return 1
    set -- "$1"
    for n in $puts; do
        [ ! -f "$n" ] || set -- "$@" "$n"
    done
    total=$1
    shift
    [ $# -eq 0 ] || copy_made "$job/new" "$@" || return 1
    case $puts in
    '') return 0 ;;
    esac
    if [ "$total" -le 4096 ] && [ "$state" != locked ]; then
        take_lines
        return
    fi
    case $puts in
    ' '*' '*) take "$total" >"$job/in" && divide ;;
    *) take "$total" >"$job/new/${puts# }" ;;
    esac
}

# The same for what is small, without a process: read takes not a byte more than the line.
# shellcheck disable=SC2086
take_lines()
{
    set -- $lines
    for n in $puts; do
        left=$1
        shift
        {
            while [ "$left" -gt 0 ]; do
                IFS= read -r line || break
                printf '%s\n' "$line" 2>/dev/null || break
                left=$((left - 1))
                total=$((total - ${#line} - 1))
            done
        } >"$job/new/$n" || return 1
        if [ "$left" -gt 0 ]; then
            # A builtin may not give the reason.
            printf '%s\n' "$line" | cat >>"$job/new/$n" || return 1
            break
        fi
    done
    [ "$total" -eq 0 ] || {
        echo "the contents came short"
        return 1
    }
}

take() # LENGTH
{
    if [ "$state" = locked ]; then
        timeout "$beat" head -c "$1" 9>&-
    else
        head -c "$1"
    fi
}

# $job/in into $puts by $lines, as many at once as sed may have open.
# shellcheck disable=SC2086
divide()
{
    set -- $lines
    at=1
    script=
    some=0
    for n in $puts; do
        if [ "$1" -eq 0 ]; then
            true >"$job/new/$n" || return 1
        else
            script="$script$at,$((at + $1 - 1))w $job/new/$n$nl"
            some=$((some + 1))
        fi
        if [ $some -eq 200 ]; then
            sed -n "$script" "$job/in" || return 1
            script=
            some=0
        fi
        at=$((at + $1))
        shift
    done
    [ -z "$script" ] || sed -n "$script" "$job/in" || return 1
    # Not every sed tells that the disk is full.
    cd "$job/new" || return 1
    sizes=$(wc -c -- $puts)
    set -- ${sizes##*"$nl"}
    [ "$1" -eq "$total" ] || {
        echo "the contents came short"
        return 1
    }
}

# Is what the client's edit started from still what is here? 1: no; 2: there is something that nobody can edit, $odd.
# What is to be put in place is digested with it, for learn.
# shellcheck disable=SC2086
fresh() # SEQ
{
    odd=
    learnt=
    [ "$1" = "$seq" ] || return 1
    look
    [ "$names" = "$known_names" ] || return 1
    for n in $had $cuts $sees; do
        case "$names " in
        *" $n "*) continue ;;
        esac
        [ -e "$n" ] || [ -h "$n" ] || continue
        odd=$n
        return 2
    done
    for n in $cuts; do
        case " $had " in *" $n "*) ;; *) return 1 ;; esac
    done
    set -- $had
    for n in $sees; do
        case "$names " in *" $n "*) set -- "$@" "$n" ;; esac
    done
    for n in $puts; do set -- "$@" "$job/new/$n"; done
    [ $# -gt 0 ] || return 0
    digest_of "$@" || return 1
    while read -r sum n; do
        case $n in
        "$job"/*) learnt="$learnt$sum  ${n##*/}$nl" ;;
        *) case "$nl$known" in *"$nl$sum  $n$nl"*) ;; *) return 1 ;; esac ;;
        esac
    done <<END
$answer
END
}

# After a change of its own a session still knows what is there, without reading it.
# shellcheck disable=SC2086
learn()
{
    if [ -z "$gone$cuts" ] && [ ${#known} -lt 20000 ] && [ ${#learnt} -lt 500 ]; then
        learn_lines
        return
    fi
    set --
    for n in $puts $cuts; do set -- "$@" -e "/  $n\$/d"; done
    known=$({ printf '%s' "$known" | sed "$@"; printf '%s' "$learnt"; } | sort -k 2)
    [ -z "$known" ] || known=$known$nl
    [ -z "$gone$cuts" ] || known_names=$(printf '%s' "$known" | sed 's/.*  / /' | tr -d '\n')
    seq=$((seq + 1))
}

# The same without a process, where no file comes or goes, and few change: in long texts the shell is slow to find things.
# shellcheck disable=SC2086
learn_lines()
{
    IFS=$nl
    set -- $known
    unset IFS
    known=
    for line; do
        n=${line#*  }
        case $nl$learnt in
        *"  $n$nl"*)
            line=${learnt%%"  $n$nl"*}
            line="${line##*"$nl"}  $n"
            ;;
        esac
        known=$known$line$nl
    done
    seq=$((seq + 1))
}

# Journal first and on disk, then the renames, in the client's order; removals last.
# shellcheck disable=SC2086
put_in_place()
{
    [ -z "$had" ] || link_or_copy "$job/old" $had || return 1
    {
        echo "job $job" || return 1
        for n in $back; do echo "had $n"; done
        for n in $gone; do echo "new $n"; done
        [ -z "$quiet" ] || echo quiet
        printf 'sums\n%s' "$learnt" || return 1
        echo end
    } >"$home/begin" || return 1
    set --
    for n in $puts; do set -- "$@" "$job/new/$n"; done
    to_disk "$@" "$home/begin" "$job/old" "$job" "$home"
    moving || return 1
    [ $# -eq 0 ] || move_here "$@" || return 1
    [ -z "$cuts" ] || remove $cuts
}

# There are four ways out: prepared; nothing changed, with the lock dropped; the same, and the session ends since what is
# still to come is no request; bad.
do_prepare() # SEQ WAIT SECONDS TOTAL ITEM...
{
    want=$1 wait=$2 secs=$3 total=$4
    shift 4
    say go
    if ! parse "$@"; then
        settle
        say bad
        exit 1
    fi
    if own_home; then
        make_job
        said=$(receive "$total" 2>&1)
    else
        said=$(make_lock 2>&1) && false
    fi || {
        refuse failed "${said:-nothing was heard for too long}"
        exit 1
    }
    if [ "$state" != locked ]; then
        take_lock "$wait"
        case $? in
        1) refuse failed "$said"; return ;;
        2) refuse busy; return ;;
        esac
    fi
    find_old
    fresh "$want"
    case $? in
    1) refuse stale; return ;;
    2) refuse failed "$dir$odd is no file that can be read"; return ;;
    esac
    ours=$nl$learnt
    if [ -n "$puts$cuts" ] && ! said=$(put_in_place 2>&1); then
        withdraw
        refuse failed "$said"
        return
    fi
    state=prepared
    run "$test_cmd"
    case $? in
    0) say prepared ;;
    1) withdraw; refuse test "$said" ;;
    2) withdraw; refuse slow "$said" ;;
    esac
}

# The test alone, of what is there. Without the lock it might be another session's change that fails.
do_test() # SECONDS
{
    secs=$1
    quiet=
    before=
    back=
    gone=
    say go
    if [ "$state" != locked ]; then
        say gone
        return
    fi
    make_job
    if [ -z "$made" ] && ! said=$(mkdir -p "$job/new" "$job/old" 2>&1); then
        say failed "$said"
        return
    fi
    made=yes
    run "$test_cmd"
    case $? in
    0) say ok ;;
    1) say test "$said" ;;
    2) say slow "$said" ;;
    esac
}

# Only with the lock is it certain what is there.
find_old()
{
    back=
    gone=
    # What was cut comes back first: a file that was put may include it again.
    for n in $cuts $puts; do
        if [ -e "$n" ] || [ -h "$n" ]; then back="$back $n"; else gone="$gone $n"; fi
    done
    had=$back
    before=$dir$job/old
}

withdraw()
{
    [ -s "$home/begin" ] || return 0
    why=$said
    if said=$(put_back 2>&1); then
        said=$why
        forget
    else
        keep_journal "$why"
    fi
}

refuse() # WORD [TEXT]
{
    [ -n "$stuck" ] || rm -rf "$job"
    made=
    drop_lock
    if [ -z "$stuck" ]; then say "$1" "${2-}"; else say stuck "${2-}"; fi
    stuck=
}

# ---- the decision

do_commit() # SECONDS
{
    secs=$1
    say go
    if [ "$state" != prepared ]; then
        say gone
        return
    fi
    if [ -n "$puts$cuts" ]; then
        if ! echo commit 2>/dev/null >>"$home/begin"; then
            said=$( (echo >>"$home/begin") 2>&1)
            withdraw
            refuse failed "$said"
            return
        fi
        run "$reload_cmd" "$home/begin" ./
    else
        run "$reload_cmd"
    fi
    rc=$?
    state=committed
    case $rc in
    0) say ok "$said" ;;
    1) undo; refuse reload "$said" ;;
    2) undo; refuse slow "$said" ;;
    esac
}

do_rollback() # SECONDS
{
    secs=$1
    say go
    if [ "$state" != committed ]; then
        say gone
        return
    fi
    said=
    if [ -n "$puts$cuts" ]; then undo; fi
    said=${said#; and }
    if [ -z "$said" ]; then refuse ok; else refuse failed "$said"; fi
}

do_forget()
{
    if [ "$state" != committed ]; then
        settle
        say ok
        return
    fi
    settle
    if [ -z "$puts$cuts" ]; then
        say ok "$seq"
        return
    fi
    say ok $((seq + 1))
    learn
    make_job
    start_helper
}

do_abort()
{
    settle
    if [ -n "$stuck" ]; then
        say stuck "$said"
        stuck=
        return
    fi
    say ok
    make_job
    start_helper
}

do_lock() # WAIT
{
    say go
    take_lock "$1"
    case $? in
    0) state=locked && say ok ;;
    1) say failed "$said" ;;
    2) say busy ;;
    esac
}
