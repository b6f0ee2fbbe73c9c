# Helpers for tests of configurations.
# shellcheck shell=bash
# shellcheck disable=SC2154  # status, output and stderr come from run

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    umask 077
    file=$PWD/config.yaml
}

# check [FILE]
check()
{
    run --separate-stderr "$BUILD/balancerfs" --check "${1:-$file}"
    [ -z "$output" ]
}

accept()
{
    cat >"$file"
    check
    [ -z "$stderr" ] || echo "$stderr"
    [ "$status" -eq 0 ] && [ -z "$stderr" ]
}

# refuse ERRORS <CONFIG: exactly these, in this order; each without the file's name.
refuse()
{
    cat >"$file"
    check
    assert_equal "$stderr" "$file:${1//$'\n'/$'\n'$file:}"
    assert_equal "$status" 2
}

# refuse_file FILE ERROR: the one error that concerns the file as a whole.
refuse_file()
{
    check "$1"
    assert_equal "$stderr" "$1: $2"
    assert_equal "$status" 2
}
