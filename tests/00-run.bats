#!/usr/bin/env bats
# tests/run itself, on a small tree with tests of which it is known how they end: a runner that miscounts hides all.
# shellcheck disable=SC2016  # what is in single quotes is expanded elsewhere

load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    tree=$BATS_TEST_TMPDIR/tree
    mkdir -p "$tree/tests"
    cp -r "$BATS_TEST_DIRNAME"/{run,lab,lab.d,may-skip} "$tree/tests/"
    echo "project('tree', 'c')" >"$tree/meson.build"
    family 10-good 'true' 'true'
}

# family NAME BODY...: a file with a test for each body.
family()
{
    local body n=0
    mkdir -p "$(dirname "$tree/tests/$1")"
    for body in "${@:2}"; do
        n=$((n + 1))
        printf '@test "%s" {\n%s\n}\n' "number $n" "$body"
    done >"$tree/tests/$1.bats"
}

# The outer bats must not be seen by the inner one.
run_tests()
{
    run env -u BATS_RUN_TMPDIR -u BATS_TMPDIR CI= TMPDIR="$BATS_TEST_TMPDIR" "$tree/tests/run" --no-install "$@" 3>&-
}

@test "all passed" {
    family 20-more/one true
    cd /
    run_tests
    assert_success
    assert_equal "${lines[-1]}" "3 passed, 0 failed, 0 skipped"
}

@test "one failed" {
    family 20-bad true false
    run_tests
    assert_failure
    assert_line "failed: 20-bad.bats: number 2"
    assert_equal "${lines[-1]}" "3 passed, 1 failed, 0 skipped"
}

@test "a skip is counted and explained; CI takes it for a failure, unless it may be" {
    family 20-skip true 'skip "no such thing"'
    run_tests
    assert_success
    assert_line "not run: 20-skip.bats: number 2 (no such thing)"
    assert_equal "${lines[-1]}" "3 passed, 0 failed, 1 skipped"
    run env CI=true TMPDIR="$BATS_TEST_TMPDIR" "$tree/tests/run" --no-install 3>&-
    assert_failure
    assert_equal "${lines[-1]}" "3 passed, 1 failed, 0 skipped"
    echo "20-skip.bats: number 2" >>"$tree/tests/may-skip"
    run env CI=true TMPDIR="$BATS_TEST_TMPDIR" "$tree/tests/run" --no-install 3>&-
    assert_success
    assert_equal "${lines[-1]}" "3 passed, 0 failed, 1 skipped"
}

@test "a file that dies, or does not parse, has failed" {
    family 20-dies true 'kill -9 $PPID $(ps -o ppid= -p $PPID)' true
    echo '@test "one" {' >"$tree/tests/30-syntax.bats"
    run_tests
    assert_failure
    assert_line --regexp "^failed: 20-dies.bats: died after [12] of 3 tests"
    assert_line --regexp "^failed: 30-syntax.bats: "
}

@test "what is left behind is ended, and a failure" {
    family 20-leaves 'sleep 1000 >/dev/null 2>&1 3>&- & echo $! >"$BATS_TEST_DIRNAME/pid"'
    run_tests
    assert_failure
    assert_line --partial "left behind: process:sleep 1000"
    # It may be a zombie for a while.
    for _ in {1..100}; do
        [ -n "$(tr -d '\0' <"/proc/$(cat "$tree/tests/pid")/cmdline")" ] || break
        sleep 0.05
    done 2>/dev/null
    run cat "/proc/$(cat "$tree/tests/pid")/cmdline"
    refute_output --partial sleep
}

@test "what does not build has failed" {
    echo "executable('a', 'missing.c')" >>"$tree/meson.build"
    run_tests
    assert_failure
    assert_equal "${lines[-1]}" "0 passed, 1 failed, 0 skipped"
}

@test "families by prefix, in order; none of that name; benchmarks only if asked for" {
    family 20-more true
    family 70-bench true
    run_tests 20
    assert_equal "${lines[-1]}" "1 passed, 0 failed, 0 skipped"
    run_tests
    assert_equal "${lines[-1]}" "3 passed, 0 failed, 0 skipped"
    run_tests bench
    assert_equal "${lines[-1]}" "1 passed, 0 failed, 0 skipped"
    run_tests 20 10-g
    assert_equal "${lines[0]} ${lines[-1]}" "10-good.bats 3 passed, 0 failed, 0 skipped"
    run_tests 99
    assert_equal "$status" 2
    assert_output "tests/run: no family 99; there are: 10-good 20-more 70-bench "
}
