#!/usr/bin/env bats
# The loop that runs on a host, alone, in every sh that hosts have: each request, each answer.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154,SC2317  # functions are called by name, settings read by agent.bash

bats_require_minimum_version 1.5.0
load agent

bats_load_library bats-support 2>/dev/null || load /usr/lib/bats/bats-support/load

reads()
{
    session a && expect a ready || return 1
    request a "read all 0" files '' && expect a end 1 || return 1
    put app.conf one
    put web.conf two
    put .hidden.conf no
    put 'odd name.conf' no
    put -- no
    printf no >"$DIR/-x.conf"
    printf no >"$DIR/ümlaut.conf"
    put app.txt no
    mkdir "$DIR/dir.conf"
    ln -s nowhere "$DIR/dangling.conf"
    fetch a || return 1
    [ "${FILES##*total$'\n'}" = $'one\ntwo\n' ] || { echo "$FILES"; return 1; }
    [[ "$FILES" != *odd* && "$FILES" != *-x* && "$FILES" != *hidden* && "$FILES" != *txt* ]] || return 1
    request a "read same 0" same 2 && request a ping ok '' || return 1
    put app.conf changed
    request a "read same 0" files && expect a end 3 && request a "read same 0" same 3 || return 1
    rm "$DIR/app.conf"
    request a "read same 0" files && expect a end 4 || return 1
    ask a ''
    request a ping ok && request a nonsense bad || return 1
    hang_up a
    [ ! -e "$DIR/.balancerfs" ]
}

@test "it reads what may be a pool, leaves odd names alone, and writes nothing for it" {
    each_shell reads
}

@test "a file without a final newline, one of 0 bytes and one of 10 MB are read as they are" {
    sizes()
    {
        printf 'no newline' >"$DIR/a.conf"
        : >"$DIR/b.conf"
        head -c 10000000 /dev/zero | tr '\0' x >"$DIR/c.conf"
        session a && expect a ready && request a "read all 0" files || return 1
        [ "${#TEXT}" -eq 10000010 ] && expect a end 1
    }
    each_shell sizes
}

changes()
{
    put app.conf old
    put gone.conf gone
    chmod 640 "$DIR/app.conf"
    chown 12:34 "$DIR/app.conf"
    ready a || return 1
    prepare a put:app.conf:1 put:new.conf:2 put:empty.conf:0 cut:gone.conf <<<$'new\nthe\nother' || return 1
    expect a prepared || return 1
    has app.conf new && has new.conf $'the\nother' && [ -e "$DIR/empty.conf" ] && [ ! -e "$DIR/gone.conf" ] || return 1
    request a "commit 20" ok && request a ping ok && request a forget ok "$((SEQ + 1))" || return 1
    [ "$(stat -c '%a %u %g' "$DIR/app.conf")" = "640 12 34" ] && [ "$(stat -c %a "$DIR/new.conf")" = 644 ] || return 1
    # What it knows of its own change is what is there.
    request a "read same 0" same "$((SEQ + 1))" || return 1
    SEQ=$((SEQ + 1))
    prepare a put:app.conf:1 <<<newer && expect a prepared && request a abort ok || return 1
    has app.conf new && request a "read same 0" same "$SEQ" || return 1
    prepare a cut:empty.conf </dev/null && expect a prepared && request a "commit 20" ok && request a forget ok || return 1
    [ ! -e "$DIR/empty.conf" ] && request a "read same 0" same "$((SEQ + 1))" && hang_up a && clean
}

@test "a change: prepare, commit, forget; abort; modes and owners stay" {
    each_shell changes
}

returns()
{
    put app.conf pool
    put main.conf 'include app.conf'
    ready a || return 1
    prepare a put:main.conf:1 cut:app.conf <<<'' && expect a prepared || return 1
    [ "$(grep ^had "$DIR/.balancerfs/begin")" = $'had app.conf\nhad main.conf' ] || return 1
    request a abort ok && has app.conf pool && has main.conf 'include app.conf' && hang_up a && clean
}

@test "a file is back before one that includes it" {
    each_shell returns
}

@test "100 files, and one of 10 MB, in one change" {
    many()
    {
        local items=() i
        put p7.conf old
        ready a || return 1
        for ((i = 0; i < 450; i++)); do items+=("put:p$i.conf:$((i % 3))"); done
        for ((i = 0; i < 450; i++)); do
            [ $((i % 3)) -lt 1 ] || echo "first of $i"
            [ $((i % 3)) -lt 2 ] || echo "second of $i"
        done >"$STATE/many"
        prepare a "${items[@]}" <"$STATE/many" && expect a prepared && request a "commit 20" ok && request a forget ok || return 1
        has p449.conf $'first of 449\nsecond of 449' && has p7.conf "first of 7" && [ ! -s "$DIR/p0.conf" ] || return 1
        [ "$(cat "$DIR"/p*.conf | wc -l)" -eq 450 ] || return 1
        request a "read same 0" same || return 1
        SEQ=$((SEQ + 1))
        { head -c 10000000 /dev/zero | tr '\0' x; echo; } >"$STATE/big"
        prepare a put:p0.conf:1 put:p1.conf:1 < <(cat "$STATE/big" <(echo small)) && expect a prepared && request a abort ok || return 1
        prepare a put:p0.conf:1 <"$STATE/big" && expect a prepared && request a "commit 20" ok && request a forget ok || return 1
        cmp "$DIR/p0.conf" "$STATE/big"
    }
    each_shell many
}

stale()
{
    put app.conf one
    put web.conf two
    ready a || return 1
    put app.conf hand
    prepare a put:app.conf:1 <<<new && expect a stale || return 1
    prepare a put:web.conf:1 see:app.conf <<<new && expect a stale || return 1
    prepare a cut:app.conf </dev/null && expect a stale || return 1
    # What it does not rest on may have changed.
    prepare a put:web.conf:1 <<<new && expect a prepared && request a abort ok || return 1
    has app.conf hand && has web.conf two && fetch a || return 1
    prepare a put:app.conf:1 see:web.conf <<<new && expect a prepared && request a abort ok || return 1
    SEQ=$((SEQ - 1)) prepare a put:app.conf:1 <<<new && expect a stale || return 1
    put third.conf three
    prepare a put:app.conf:1 <<<new && expect a stale || return 1
    fetch a && rm "$DIR/third.conf" && prepare a cut:third.conf </dev/null && expect a stale || return 1
    fetch a && prepare a cut:third.conf </dev/null && expect a stale && has app.conf hand && hang_up a && clean
}

@test "what the change rests on is compared under the lock" {
    each_shell stale
}

@test "nobody's change replaces what no edit can have read" {
    odd()
    {
        mkdir "$DIR/dir.conf"
        ln -s nowhere "$DIR/link.conf"
        ready a || return 1
        for name in dir link; do
            prepare a put:$name.conf:1 <<<new && expect a failed "*$name.conf is no file that can be read" || return 1
        done
        [ -d "$DIR/dir.conf" ] && [ -h "$DIR/link.conf" ] && hang_up a && clean
    }
    each_shell odd
}

locks()
{
    put app.conf one
    ready a && ready b || return 1
    request a "lock 0" ok && request b "lock 0" busy || return 1
    prepare b put:app.conf:1 <<<b && expect b busy || return 1
    has app.conf one || return 1
    # One that waits is next, and finds that it was overtaken.
    ask b "lock 10"
    expect b go && prepare_locked a put:app.conf:1 <<<a && expect a prepared && request a "commit 9" ok && request a forget ok || return 1
    expect b ok && request b "read same 0" files && expect b end && SEQ=${TEXT% *} || return 1
    prepare_locked b put:app.conf:1 <<<b && expect b prepared && request b "commit 9" ok && request b forget ok && has app.conf b || return 1
    request a "lock 0" ok && request a abort ok && request b "lock 0" ok && request b abort ok && hang_up a && hang_up b && clean
}

prepare_locked() # as prepare; the contents only after "go"
{
    cat >"$STATE/contents"
    ask "$1" "prepare $SEQ 0 20 $(wc -c <"$STATE/contents") ${*:2}"
    expect "$1" go && tell "$1" <"$STATE/contents"
}

# stopping_session NAME: it stops between the digests and the contents, once $STATE/reached is there, until $STATE/go is.
stopping_session()
{
    mkdir "$STATE/slow"
    printf '#!/bin/sh\n: >"%s/reached"\nuntil [ -e "%s/go" ]; do sleep 0.05; done\nexec /usr/bin/wc "$@"\n' "$STATE" "$STATE" >"$STATE/slow/wc"
    chmod +x "$STATE/slow/wc"
    session "$1" env "PATH=$STATE/slow:$PATH" && expect "$1" ready
}

@test "what was changed and changed back while it was read is read again" {
    back_and_forth()
    {
        put app.conf one
        put web.conf two
        ready b || return 1
        stopping_session a || return 1
        ask a "read all 0"
        until [ -e "$STATE/reached" ]; do sleep 0.05; done
        prepare b put:app.conf:1 <<<longer && expect b prepared && request b "commit 9" ok && request b forget ok || return 1
        fetch b && prepare b put:app.conf:1 <<<one && expect b prepared && request b "commit 9" ok && request b forget ok || return 1
        : >"$STATE/go"
        expect a files && expect a changed && request a "read all 0" files && expect a end
    }
    each_shell back_and_forth
}

@test "one at a time: busy, or awaited" {
    each_shell locks
}

@test "a reader waits for another's change, or is told of it" {
    undecided()
    {
        put app.conf one
        ready b && ready a || return 1
        prepare a put:app.conf:1 <<<new && expect a prepared && request a ping ok || return 1
        request b "read all 0" files && expect b end "* open" || return 1
        request a abort ok && request b "read same 0" files && [ "${TEXT##*conf$'\n'}" = $'one\n' ] && expect b end "[0-9]" || return 1
        fetch a && prepare a put:app.conf:1 <<<new && expect a prepared || return 1
        ask b "read all 10"
        request a "commit 9" ok && request a forget ok && expect b files && [ "${TEXT##*conf$'\n'}" = $'new\n' ] && expect b end "[0-9]"
    }
    each_shell undecided
}

@test "the record of what others missed is changed without a test or a reload" {
    record()
    {
        TEST_CMD=false RELOAD_CMD=false
        put app.conf one
        ready a || return 1
        prepare a put:.balancerfs-missed:1 <<<"1 web1 add app 10.0.0.1:80" && expect a prepared && request a "commit 9" ok && request a forget ok || return 1
        has .balancerfs-missed "1 web1 add app 10.0.0.1:80" && fetch a && [[ "$FILES" == "1 web1 add app"* ]] || return 1
        prepare a see:app.conf </dev/null && expect a prepared && request a "commit 9" ok && request a forget ok "$SEQ" || return 1
        prepare a put:app.conf:1 cut:.balancerfs-missed <<<x && expect a test && has app.conf one && [ -e "$DIR/.balancerfs-missed" ] || return 1
        prepare a put:.other:1 <<<x && expect a bad || return 1
        hang_up a && clean
    }
    each_shell record
}

@test "a daemon that a reload starts does not keep the lock" {
    daemon()
    {
        RELOAD_CMD="sleep 30 & echo \$! >$STATE/daemon"
        ready a && prepare a put:app.conf:1 <<<x && expect a prepared && request a "commit 9" ok && request a forget ok && hang_up a && clean || return 1
        kill "$(cat "$STATE/daemon")"
    }
    each_shell daemon
}

@test "whoever removes the lock's file does not give it to two" {
    removed()
    {
        ready a && ready b && request a "lock 0" ok && rm -r "$DIR/.balancerfs" && request b "lock 0" ok || return 1
        request b abort ok && request a abort ok && request a "lock 0" ok && request b "lock 0" busy
    }
    each_shell removed
}

@test "read calmly, nobody changes what is read, nor waits for who reads" {
    calm()
    {
        ready b && request b "read calm 0" files && [ -z "$TEXT" ] && expect b end "[0-9]" || return 1
        seq 1000000 >"$DIR/app.conf"
        put web.conf two
        fetch b
        stopping_session a || return 1
        ask a "read calm 0"
        until [ -e "$STATE/reached" ]; do sleep 0.05; done
        prepare b put:web.conf:1 <<<new && expect b busy || return 1
        ask b "prepare $SEQ 10 20 4 put:web.conf:1" new
        expect b go
        : >"$STATE/go"
        # Most of what a is sent it has not fetched yet.
        expect b prepared && request b "commit 9" ok && request b forget ok && has web.conf new || return 1
        expect a files && [ "${#TEXT}" -gt 6000000 ] && [ "${TEXT##*000000$'\n'}" = $'two\n' ] && expect a end "[0-9]" || return 1
        ! [ -e "$DIR/.balancerfs/job.0.${PID[a]}/in" ] || return 1
        # What was read so is known, with the lock of another, too, and with no lock to be had.
        request a "lock 0" ok && request b "read calm 0" files && expect b end "[0-9]" && request a abort ok || return 1
        request b "read same 0" same && prepare b put:web.conf:1 <<<x && expect b stale || return 1
        fetch b && prepare b put:web.conf:1 <<<x && expect b prepared || return 1
        request a "read calm 0" files && expect a end "* open" && request b abort ok || return 1
        hang_up a && hang_up b && clean
    }
    each_shell calm
}

@test "what is there is tested under the lock alone, which stays" {
    tested()
    {
        TEST_CMD="[ ! -e $STATE/bad ] || { echo it is bad; false; }"
        put app.conf old
        ready a && ready b || return 1
        request a "test 9" gone && request a "lock 0" ok && request a "test 9" ok '' && request b "lock 0" busy || return 1
        touch "$STATE/bad"
        request a "test 9" test "*it is bad*" && request a abort ok && request b "lock 0" ok && request b abort ok || return 1
        has app.conf old && hang_up a && hang_up b && clean
    }
    each_shell tested
}
