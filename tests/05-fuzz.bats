#!/usr/bin/env bats
# Every reader of foreign text, fuzzed for a moment each: its corpus first, then what libFuzzer makes of it.
#
# To look for longer: build-fuzz/tests/fuzz_NAME DIRECTORY tests/fuzz/NAME

load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

runs=20000
seconds=5

setup_file()
{
    cd "$BATS_TEST_DIRNAME/.." || return 1
    # A sanitizer of the caller's is not this build's.
    unset ASAN_OPTIONS UBSAN_OPTIONS
    build >"$BATS_FILE_TMPDIR/log" 2>&1 || tail -n 30 "$BATS_FILE_TMPDIR/log"
}

# A new target is found when the build is set up again.
build()
{
    local again=()
    [ ! -f build-fuzz/build.ninja ] || again=(--reconfigure)
    CC=clang meson setup "${again[@]}" build-fuzz -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link &&
        ninja -C build-fuzz
}

# fuzz NAME: nothing, or what was found and the input that made it.
fuzz()
{
    local at=$BATS_TEST_TMPDIR/$1 found
    mkdir -p "$at/new"
    "$BATS_TEST_DIRNAME/../build-fuzz/tests/fuzz_$1" -seed=1 -runs=$runs -max_total_time=$seconds -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$at/found-" "$at/new" "$BATS_TEST_DIRNAME/fuzz/$1" >"$at/log" 2>&1 &&
        grep -q '^stat::number_of_executed_units: [1-9]' "$at/log" && return
    echo "$1:"
    tail -n 60 "$at/log"
    for found in "$at"/found-*; do
        [ ! -e "$found" ] || { echo "input, in base64:" && base64 "$found"; }
    done
}

targets()
{
    for source in "$BATS_TEST_DIRNAME"/fuzz/*.c; do
        basename "$source" .c
    done
}

@test "every target has a corpus and is built" {
    for name in $(targets); do
        [ -n "$(ls "$BATS_TEST_DIRNAME/fuzz/$name")" ]
        [ -x "$BATS_TEST_DIRNAME/../build-fuzz/tests/fuzz_$name" ]
    done
}

@test "no target finds anything in a moment" {
    export -f fuzz
    export runs seconds BATS_TEST_DIRNAME BATS_TEST_TMPDIR
    run bash -c 'xargs -P 2 -I NAME bash -c "fuzz NAME"' < <(targets)
    assert_success
    assert_output ""
}
