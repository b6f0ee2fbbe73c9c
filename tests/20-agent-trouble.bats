#!/usr/bin/env bats
# The loop that runs on a host, alone, when something goes wrong: what its commands do, what its disk and its tools lack,
# and its own death at every step. Always old or new files, and no lock.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154,SC2317  # functions are called by name, settings read by agent.bash

bats_require_minimum_version 1.5.0
load agent

# begin: a session a that is prepared with app.conf new and web.conf added
begin()
{
    put app.conf old
    ready "${1:-a}" || return 1
    prepare "${1:-a}" put:app.conf:1 put:web.conf:1 <<<$'new\nnew' && expect "${1:-a}" prepared && new
}

old()
{
    has app.conf old && [ ! -e "$DIR/web.conf" ]
}

new()
{
    has app.conf new && has web.conf new
}

# ---- the commands ---------------------------------------------------------------------------

@test "a refused test: old files, its own words" {
    refused()
    {
        TEST_CMD='echo "app.conf:1: no such thing" >&2; exit 3'
        put app.conf old
        ln "$DIR/app.conf" "$STATE/app"
        ready a && prepare a put:app.conf:1 put:web.conf:1 <<<$'new\nnew' && expect a test "app.conf:1: no such thing" || return 1
        # Not a copy: the file itself is back.
        old && [ "$DIR/app.conf" -ef "$STATE/app" ] && request a "read same 0" same && hang_up a && clean
    }
    each_shell refused
}

@test "a file that is a link is put back as one; a change puts a file in its place" {
    linked()
    {
        TEST_CMD=false
        echo old >"$STATE/app"
        ln -s "$STATE/app" "$DIR/app.conf"
        ready a && prepare a put:app.conf:1 <<<new && expect a test "exit status 1" || return 1
        [ -h "$DIR/app.conf" ] && has app.conf old && hang_up a || return 1
        TEST_CMD=true
        ready a && prepare a put:app.conf:1 <<<new && expect a prepared && request a "commit 9" ok && request a forget ok || return 1
        [ ! -h "$DIR/app.conf" ] && has app.conf new && [ "$(cat "$STATE/app")" = old ]
    }
    each_shell linked
}

@test "a refused reload: old files, reloaded" {
    reload()
    {
        RELOAD_CMD="cat app.conf >>$STATE/reloads; grep old app.conf || { echo is not old; exit 1; }"
        begin && request a "commit 20" reload "is not old" && old && [ "$(cat "$STATE/reloads")" = $'new\nold' ] && hang_up a && clean
    }
    each_shell reload
}

@test "a reload that fails with the old files too says both" {
    both()
    {
        RELOAD_CMD='cat app.conf; exit 1'
        begin && request a "commit 20" reload "new; and with the old files: old" && old && hang_up a && clean
    }
    each_shell both
}

@test "rollback: old files, reloaded" {
    rollback()
    {
        RELOAD_CMD="cat app.conf >>$STATE/reloads"
        begin && request a "commit 20" ok && request a "rollback 20" ok && old && [ "$(cat "$STATE/reloads")" = $'new\nold' ] || return 1
        request a "rollback 20" gone && request a "commit 20" gone && request a forget ok '' && request a ping ok && hang_up a && clean
    }
    each_shell rollback
}

@test "commands that hang are ended, with all they have started" {
    slow()
    {
        TEST_CMD="sh -c \"echo \\\$\\\$ >$STATE/pid; exec sleep 60\""
        put app.conf old
        ready a && SECS=1 prepare a put:app.conf:1 <<<new && expect a slow "it did not end within 1 s" && old || return 1
        gone "$(cat "$STATE/pid")" && hang_up a && clean || return 1
        TEST_CMD=true RELOAD_CMD='trap "" TERM; echo at it; ! grep new app.conf || sleep 60'
        begin b && request b "commit 1" slow "it did not end within 1 s: at it*" && old && hang_up b && clean
    }
    each_shell slow
}

@test "megabytes of output are cut to their beginning and end" {
    loud()
    {
        TEST_CMD='echo first; head -c 20000000 /dev/zero | tr "\000" x; echo; echo last; exit 1'
        put app.conf old
        ready a && prepare a put:app.conf:1 <<<new && expect a test $'first\n*x ...\n*x\nlast' && [ "${#TEXT}" -lt 9000 ] && old && request a ping ok
    }
    each_shell loud
}

@test "any bytes are no harm to the protocol" {
    bytes()
    {
        TEST_CMD='printf "\303\244\377\000\001 %s done 5\n" '$NONCE'; exit 1'
        put app.conf old
        ready a && prepare a put:app.conf:1 <<<new && expect a test && request a ping ok
    }
    each_shell bytes
}

@test "commands keep the host's own locale; ours speak C" {
    locale()
    {
        TEST_CMD="echo \"\${LC_ALL-unset} \$TMPDIR\"; exit 1"
        put app.conf old
        ready a env LC_ALL=de_DE.UTF-8 LANGUAGE=de && prepare a put:app.conf:1 <<<new && expect a test "de_DE.UTF-8 /tmp" || return 1
        ready b env -u LC_ALL && prepare b put:app.conf:1 <<<new && expect b test "unset /tmp"
    }
    each_shell locale
}

# ---- silence and death ----------------------------------------------------------------------

@test "nothing heard of the client: undecided goes back, decided stays" {
    silence()
    {
        BEAT=1
        ready b && begin || return 1
        request b "lock 9" ok && old && request b abort ok && request a "commit 9" gone && request a forget ok '' || return 1
        # All is as it knows it.
        prepare a put:app.conf:1 put:web.conf:1 <<<$'new\nnew' && expect a prepared && request a "commit 9" ok || return 1
        request b "lock 9" ok && new && request b abort ok && request a "rollback 9" gone && new || return 1
        prepare a put:app.conf:1 <<<newer && expect a stale && new || return 1
        request a "lock 0" ok && request b "lock 9" ok && request b abort ok && request a ping ok && hang_up a && hang_up b && clean
    }
    each_shell silence
}

@test "the end of input in each state" {
    ends()
    {
        put app.conf old
        ready a && request a "lock 0" ok && hang_up a && clean || return 1
        begin && hang_up a && old && clean || return 1
        begin && request a "commit 9" ok && hang_up a && new && clean || return 1
        rm "$DIR/web.conf"
        put app.conf old
        ready a && ask a "prepare $SEQ 0 9 1000 put:app.conf:1" short && expect a go && hang_up a && has app.conf old && clean
    }
    each_shell ends
}

@test "contents that stop come to nothing, also with the lock held" {
    stops()
    {
        BEAT=1
        put app.conf old
        ready a && ready b && request a "lock 0" ok && ask a "prepare $SEQ 0 9 1000 put:app.conf:1" && expect a go && ask a short || return 1
        request b "lock 9" ok && has app.conf old && request b abort ok && expect a failed "nothing was heard for too long"
    }
    each_shell stops
}

# killed_in WHEN: kill -9 of the loop and all below it while the command WHEN (test or reload) runs, or after it
killed()
{
    local when
    for when in test prepared reload committed; do
        rm -f "$DIR"/*.conf "$STATE/reloads" "$STATE/at"
        put app.conf old
        TEST_CMD=true RELOAD_CMD="cat app.conf >>$STATE/reloads"
        case $when in
        test) TEST_CMD="touch $STATE/at; sleep 30" ;;
        reload) RELOAD_CMD="[ -e $STATE/at ] || { touch $STATE/at; sleep 30; }; cat app.conf >>$STATE/reloads" ;;
        esac
        ready a && prepare a put:app.conf:1 put:web.conf:1 <<<$'new\nnew' || return 1
        case $when in
        test) at && new && shoot a || return 1 ;;
        prepared) expect a prepared && shoot a || return 1 ;;
        reload) expect a prepared && ask a "commit 20" && expect a go && at && shoot a || return 1 ;;
        committed) expect a prepared && request a "commit 20" ok && shoot a || return 1 ;;
        esac
        # A reader is enough to put it right.
        TEST_CMD=true
        ready b || return 1
        case $when in
        test | prepared) old && [ ! -e "$STATE/reloads" ] || return 1 ;;
        reload | committed) new && [ "$(tail -n 1 "$STATE/reloads")" = new ] || return 1 ;;
        esac
        request b "read same 0" same && hang_up b && clean && continue
        echo "after $when" >&2
        return 1
    done
}

@test "killed while it tests, when prepared, while it reloads, when committed" {
    each_shell killed
}

@test "left by a crash: a journal that is short, old or cannot be followed" {
    left()
    {
        local job=.balancerfs/job.0.999999
        put app.conf new
        put web.conf new
        mkdir -p "$DIR/$job/old"
        (umask 077 && touch "$DIR/.balancerfs/lock")
        # Nothing was renamed before its end was written.
        printf 'job %s\nhad app.conf\n' $job >"$DIR/.balancerfs/begin"
        ready a && new && hang_up a && clean || return 1
        # Half of the renames.
        mkdir -p "$DIR/$job/old"
        echo old >"$DIR/$job/old/app.conf"
        printf 'job %s\nhad app.conf\nhad gone.conf\nnew web.conf\nend\n' $job >"$DIR/.balancerfs/begin"
        ready a && old && hang_up a && clean || return 1
        # Decided, but the reload does not like it any more.
        put app.conf new
        mkdir -p "$DIR/$job/old"
        echo old >"$DIR/$job/old/app.conf"
        printf 'job %s\nhad app.conf\nend\ncommit\n' $job >"$DIR/.balancerfs/begin"
        RELOAD_CMD='grep old app.conf'
        ready a && old && hang_up a && clean || return 1
        # It was on its way back.
        put app.conf new
        mkdir -p "$DIR/$job/old"
        echo old >"$DIR/$job/old/app.conf"
        printf 'job %s\nhad app.conf\nend\ncommit\nrollback\n' $job >"$DIR/.balancerfs/begin"
        ready a && old && hang_up a && clean
    }
    each_shell left
}

@test "what another left is put right, and then the change is tested all the same" {
    quiet()
    {
        local job=.balancerfs/job.0.999999
        TEST_CMD="echo $STATE; exit 1"
        put app.conf old
        ready a || return 1
        # Another one wrote down what hosts have missed, of which no server is told.
        mkdir -p "$DIR/$job/old"
        (umask 077 && touch "$DIR/.balancerfs/lock")
        put .balancerfs-missed "1 web2 create app"
        printf 'job %s\nnew .balancerfs-missed\nquiet\nend\n' $job >"$DIR/.balancerfs/begin"
        prepare a put:app.conf:1 <<<new && expect a test "$STATE" && has app.conf old && hang_up a && clean
    }
    each_shell quiet
}

@test "what a person has edited since stays, when the other files go back" {
    edited()
    {
        local how
        for how in shoot abort; do
            put app.conf old
            put end.conf old
            put gone.conf old
            ready a && prepare a put:app.conf:1 put:end.conf:1 put:new.conf:1 put:web.conf:1 cut:gone.conf <<<$'new\nnew\nnew\nnew' || return 1
            expect a prepared || return 1
            [ $how = abort ] || shoot a
            put app.conf "by hand"
            put web.conf "by hand"
            put gone.conf "by hand"
            if [ $how = abort ]; then request a abort ok || return 1; else ready a || return 1; fi
            has app.conf "by hand" && has web.conf "by hand" && has gone.conf "by hand" && has end.conf old && [ ! -e "$DIR/new.conf" ] || return 1
            rm "$DIR/web.conf"
            hang_up a && clean || return 1
        done
    }
    each_shell edited
}

@test "while old files cannot be put back nothing else is changed, and everybody is told" {
    stuck()
    {
        TEST_CMD='rm -f app.conf; mkdir app.conf; touch app.conf/x; exit 1'
        put app.conf old
        put web.conf old
        ready a && prepare a put:app.conf:1 <<<new && expect a stuck "exit status 1; and the old files cannot be put back: *" || return 1
        ready b && prepare b put:web.conf:1 <<<new && expect b failed "a change before this one was not ended; and the old files cannot be put back: *" || return 1
        has web.conf old && request b ping ok && rm -r "$DIR/app.conf" && fetch b && has app.conf old || return 1
        TEST_CMD=true
        ready c && prepare c put:app.conf:1 <<<new && expect c prepared && request c abort ok && hang_up a && hang_up b && hang_up c && clean
    }
    each_shell stuck
}

# ---- the host -------------------------------------------------------------------------------

mounted() # OPTIONS CMD...: with a file system of its own in $DIR
{
    mount -t tmpfs -o "$1" tmpfs "$DIR" || return 1
    "${@:2}"
    local status=$?
    for name in "${!PID[@]}"; do hang_up "$name"; done
    umount "$DIR"
    return $status
}

@test "a full disk" {
    full()
    {
        put app.conf old
        head -c 300000 /dev/zero >"$DIR/fill"
        ready a && { head -c 900000 /dev/zero | tr '\0' x; echo; } >"$STATE/big" || return 1
        prepare a put:app.conf:1 <"$STATE/big" && expect a failed "*No space left on device" && old && hang_up a || return 1
        ready a && { cat "$STATE/big"; echo new; } | prepare a put:app.conf:1 put:web.conf:1 && expect a failed && old && hang_up a || return 1
        # Not even a directory can be made.
        head -c 2000000 /dev/zero >"$DIR/fill" 2>/dev/null
        ready a && prepare a put:app.conf:1 <<<new && expect a failed "*No space left on device" && old && hang_up a || return 1
        rm "$DIR/fill" && begin && request a abort ok && old && hang_up a && clean
    }
    each_shell mounted size=1m,nr_inodes=40 full
}

@test "a read-only file system" {
    readonly_fs()
    {
        put app.conf old
        HELPER=${HELPER:+maybe}
        mount -o remount,ro "$DIR" && ready a && prepare a put:app.conf:1 <<<new && expect a failed "*Read-only file system" && old && hang_up a || return 1
        mount -o remount,rw "$DIR" && begin && request a abort ok && mount -o remount,ro "$DIR" || return 1
        prepare a put:app.conf:1 <<<new && expect a failed "*Read-only file system" && old
    }
    each_shell mounted size=1m readonly_fs
}

@test "a .balancerfs that somebody else has put there" {
    foreign()
    {
        local said="$DIR/.balancerfs belongs to somebody else: remove it"
        put app.conf old
        HELPER=${HELPER:+maybe}
        mkdir "$DIR/.balancerfs" && chown 12345 "$DIR/.balancerfs" && ready a || return 1
        prepare a put:app.conf:1 <<<new && expect a failed "$said" && old && hang_up a && rmdir "$DIR/.balancerfs" || return 1
        mkdir "$STATE/elsewhere" && ln -s "$STATE/elsewhere" "$DIR/.balancerfs" && ready a && request a "lock 0" failed "$said" || return 1
        prepare a put:app.conf:1 <<<new && expect a failed "$said" && old && [ -z "$(ls "$STATE/elsewhere")" ] && hang_up a || return 1
        rm "$DIR/.balancerfs" && touch "$DIR/.balancerfs" && ready a && request a "lock 0" failed "$said"
    }
    each_shell foreign
}

@test "a tool or the directory that is missing is named" {
    lacks()
    {
        local tool
        mkdir "$STATE/bin"
        for tool in cat cp head ln mkdir mv rm sed sha256sum sort sync tail timeout tr wc; do ln -s "$(command -v $tool)" "$STATE/bin/"; done
        # It looks in the system's directories too: let these be others here.
        script_build | sed "s|^PATH=.*|PATH=$STATE/bin|" >"$STATE/lacking.sh"
        # shellcheck disable=SC2086
        [ "$SH" = "busybox sh" ] || [[ "$($SH "$STATE/lacking.sh" </dev/null)" == *"flock is missing on the host: install it" ]] || return 1
        printf '#!/bin/sh\necho applet not found\nexit 127\n' >"$STATE/bin/flock"
        chmod +x "$STATE/bin/flock"
        # shellcheck disable=SC2086
        [ "$SH" = "busybox sh" ] || [[ "$(echo lock 0 | $SH "$STATE/lacking.sh")" == *"failed "*"flock does not work on the host" ]] || return 1
        DIR=$DIR.none
        session b && expect b failed "*$DIR*"
    }
    each_shell lacks
}

@test "the directory goes away, and comes back" {
    goes()
    {
        put app.conf old
        ready a && mv "$DIR" "$DIR.away" && request a "read all 0" failed "include_dir $DIR/ is gone from the host" && hang_up a || return 1
        mv "$DIR.away" "$DIR" && ready a
    }
    each_shell goes
}
