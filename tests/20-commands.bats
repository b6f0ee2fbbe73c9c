#!/usr/bin/env bats
# What the two commands of a balancer with files are told of a change, and what they can tell.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export CLI="${BUILD:-$TREE/build}/tests/driver_cli"
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    dir=$BATS_TEST_TMPDIR/pools log=$BATS_TEST_TMPDIR/log
    mkdir "$dir"
    # tell WORD: a line of what the environment has.
    cat >"$BATS_TEST_TMPDIR/tell" <<TELL
#!/bin/sh
echo "\$1 in \$PWD: \${BALANCERFS_CHANGED-unset}; before: \$(cd "\${BALANCERFS_OLD-/nowhere}" && for n in *; do [ ! -f "\$n" ] || echo "\$n" \$(grep -c 10.0.0. "\$n"); done | tr '\n' ';')" >>$log
TELL
    chmod +x "$BATS_TEST_TMPDIR/tell"
}

# cli RELOAD WORD...: RELOAD runs after the reload's line is in the log
cli()
{
    "$CLI" nginx transport=local include_dir="$dir" test_cmd="$BATS_TEST_TMPDIR/tell test" reload_cmd="$BATS_TEST_TMPDIR/tell reload; $1" -- "${@:2}"
}

@test "both commands find the names and the old files" {
    cli true apply add:app/10.0.0.1:80
    cli true apply add:app/10.0.0.2:80 add:web/10.0.0.1:80
    cli true apply del:web/10.0.0.1:80 , apply remove:web
    run cat "$log"
    assert_output - <<END
test in $dir: app.conf; before: 
reload in $dir: app.conf; before: 
test in $dir: app.conf web.conf; before: app.conf 1;
reload in $dir: app.conf web.conf; before: app.conf 1;
test in $dir: web.conf; before: web.conf 1;
reload in $dir: web.conf; before: web.conf 1;
test in $dir: web.conf; before: web.conf 0;
reload in $dir: web.conf; before: web.conf 0;
END
}

@test "when the old files come back, the new ones were before" {
    cli true apply add:app/10.0.0.1:80
    : >"$log"
    run cli "[ ! -e $dir/web.conf ]" apply add:app/10.0.0.2:80 add:web/10.0.0.1:80
    assert_failure
    run grep reload "$log"
    assert_output - <<END
reload in $dir: app.conf web.conf; before: app.conf 1;
reload in $dir: app.conf web.conf; before: app.conf 2;web.conf 1;
END
}

@test "after a crash neither is set" {
    cli true apply add:app/10.0.0.1:80
    : >"$log"
    mkdir -p "$dir/.balancerfs/job.0.999999/old"
    printf 'job .balancerfs/job.0.999999\nhad app.conf\nend\ncommit\n' >"$dir/.balancerfs/begin"
    BALANCERFS_OLD=/ BALANCERFS_CHANGED=x cli true pools
    run cat "$log"
    assert_output "reload in $dir: unset; before: "
}

@test "a note of the reload stands in the status, other output does not" {
    run cli 'echo "note: all is well"; echo more' apply add:app/10.0.0.1:80 , status
    assert_success
    assert_line "changes on localhost: all is well"
    refute_output --partial more
    run cli 'echo Reloading.' apply add:app/10.0.0.2:80 , status
    refute_output --partial "changes on"
}

@test "a probe tests what is there, as a change would, and makes none" {
    cli true apply add:app/10.0.0.1:80
    : >"$log"
    run cli true probe
    assert_success
    assert_output "localhost read ok 1 files
localhost test ok $BATS_TEST_TMPDIR/tell test"
    assert_equal "$(cat "$log")" "test in $dir: unset; before: "
    run "$CLI" nginx transport=local include_dir="$dir" test_cmd="echo no such module; false" -- probe
    assert_failure
    assert_line "localhost test FAILED localhost: echo no such module; false: no such module"
    refute_line --partial "test ok"
    run "$CLI" varnish transport=local include_dir="$dir" -- probe
    assert_line "localhost test ok no test_cmd"
    rm -r "$dir/.balancerfs" && : >"$dir/.balancerfs"
    run cli true probe
    assert_failure
    assert_line --partial "localhost test FAILED localhost: $dir/.balancerfs belongs to somebody else"
}

@test "a probe awaits the lock of another one's change" {
    mkfifo go
    cli "read -r _ <$PWD/go" apply add:app/10.0.0.1:80 3>&- &
    while [ ! -s "$dir/.balancerfs/begin" ]; do sleep 0.05; done
    cli true probe >probed 3>&- &
    sleep 0.3
    [ ! -s probed ]
    echo >go
    wait
    grep -q '^localhost test ok ' probed
}
