#!/usr/bin/env bats
# What holds for the tree as a whole, whatever the program does: layers, sizes, style, compilers.

load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_DIRNAME/.." || return 1
}

# tree_files [PATTERN...]: the project's own files, also where there is no .git.
tree_files()
{
    if [ -e .git ]; then
        git -c safe.directory='*' ls-files -co --exclude-standard -- "$@" | while read -r file; do
            [ ! -e "$file" ] || echo "$file"
        done
    else
        find . -path './build*' -prune -o -type f -printf '%P\n' | sort | while read -r file; do
            for pattern in "${@:-*}"; do
                # shellcheck disable=SC2254  # a pattern is what is wanted
                case $file in $pattern) echo "$file" ;; esac
            done
        done
    fi
}

c_files()
{
    tree_files 'drivers/*.[ch]' 'fs/*.[ch]' 'mount/*.[ch]' 'tests/*.[ch]' 'contrib/*.[ch]'
}

shell_files()
{
    tree_files | while read -r file; do
        case $file in
        *.sh | *.bash | *.bats) echo "$file" ;;
        *.*/* | *[!/].*) ;;
        *) head -c 40 "$file" | head -n 1 | grep -aqE '^#!.*(sh|bash|bats)$' && echo "$file" ;;
        esac
    done
    echo .ci/run
}

# refute_lines TEXT WHY: fails and shows them, if there are any.
refute_lines()
{
    [ -z "$1" ] || { echo "$2:"; echo "$1"; return 1; }
}

# includes_but FILES ALLOWED: quoted includes in FILES that do not match the regular expression.
includes_but()
{
    # shellcheck disable=SC2086  # a pattern is what is wanted
    tree_files "$1" | xargs -r grep -Hn '#include "' | grep -vE "#include \"($2)\"" || true
}

@test "the top level is what it is meant to be" {
    run bash -c "ls -A | grep -vE '^(\.|build)'"
    assert_equal "$(echo "$output" | grep -vx README.md | sort | tr '\n' ' ')" "LICENSE contrib drivers fs meson.build mount tests "
}

@test "includes point downwards only" {
    small='driver|buf|listing|status|clock|options'
    refute_lines "$(includes_but 'drivers/*.[ch]' 'drivers/[a-z0-9_]+\.h')" "drivers knows itself only"
    refute_lines "$(includes_but 'fs/*.[ch]' "drivers/($small)\.h|fs/[a-z0-9_]+\.h")" "fs knows the contract and the small things of drivers only"
    refute_lines "$(includes_but 'mount/*.[ch]' '(drivers|fs|mount)/[a-z0-9_]+\.h')" "mount names what it includes from the root"
    refute_lines "$(tree_files 'drivers/*.[ch]' | xargs grep -nE '#include <(fuse|yaml)' | grep -v '^drivers/dummy_file.c:.*yaml')" "drivers knows nothing of FUSE or YAML"
    refute_lines "$(tree_files 'mount/*.[ch]' | xargs -r grep -nE '#include <(libssh2|curl|libxml)')" "mount knows no balancer's protocol"
    refute_lines "$(tree_files 'fs/*.[ch]' | xargs -r grep -nE '#include <(libssh2|curl|libxml|yaml)' | grep -v '^fs/status_text.c:.*yaml')" "fs knows no protocol but FUSE"
}

@test "no file has 500 lines" {
    long=$({ c_files; shell_files; } | sort -u | xargs wc -l | awk '$2 != "total" && $1 >= 500')
    refute_lines "$long" "split these"
}

@test "no function has 40 lines" {
    long=$(c_files | xargs awk 'FNR == 1 { start = 0 } /^{/ { start = FNR } /^}/ && start { if (FNR - start - 1 >= 40) print FILENAME ":" start ": " FNR - start - 1; start = 0 }')
    refute_lines "$long" "split these"
}

@test "every file tells in its first comment why it exists" {
    refute_lines "$(c_files | while read -r file; do head -n 1 "$file" | grep -q '^/\* ..' || echo "$file"; done)" "no comment in the first line"
    refute_lines "$({ shell_files; tree_files '*.py'; } | sort -u | while read -r file; do head -n 4 "$file" | grep -v '^# shellcheck' | grep -q '^# ..' || echo "$file"; done)" "no comment"
}

@test "there is no drawer for odds and ends" {
    refute_lines "$(tree_files | grep -E '(^|/)(util|utils|common|misc)(\.|/)')" "name what it is for"
}

@test "clang-format has nothing to say" {
    mapfile -t files < <(c_files)
    run clang-format-14 --dry-run -Werror "${files[@]}"
    assert_success
}

@test "shellcheck has nothing to say" {
    mapfile -t files < <(shell_files | sort -u)
    run shellcheck -x "${files[@]}"
    assert_success
}

# What is sent to hosts stands in single quotes there.
@test "perl compiles what is sent to hosts, with nothing to say" {
    for file in drivers/*.pl; do
        run perl -wc "$file"
        assert_success
        assert_output "$file syntax OK"
        run grep -n "'" "$file"
        assert_failure
    done
}

@test "the tree speaks of the project alone" {
    refute_lines "$(tree_files | xargs -d '\n' grep -nIE '/wor[k]/|/hom[e]/[a-z]+/|deb[.]debian|[T]ODO|[F]IXME')" "these do not belong here"
}

@test "driver.h is self-contained, C99 and C++" {
    # Nothing beside it can be found from there.
    cp drivers/driver.h "$BATS_TEST_TMPDIR/driver.h"
    cd "$BATS_TEST_TMPDIR"
    echo '#include "driver.h"' | tee alone.c >alone.cc
    for compiler in gcc clang; do
        run $compiler -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only alone.c
        assert_success
    done
    for compiler in g++ clang++; do
        run $compiler -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only alone.cc
        assert_success
    done
}

@test "clang builds it without a warning" {
    [ -f build-clang/build.ninja ] || CC=clang meson setup build-clang -Dwerror=true
    run ninja -C build-clang
    assert_success
    refute_output --partial "warning:"
}
