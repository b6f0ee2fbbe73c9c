#!/usr/bin/env bats
# The manual pages, the option tables and what --help prints say the same, and what the pages show works.

load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    man=$top/contrib/man
    cd "$BATS_TEST_TMPDIR" || return 1
    umask 077
}

drivers()
{
    "$BUILD/balancerfs" --help | sed -n '/^Drivers/,/^$/s/^  \([a-z0-9]*\) .*/\1/p'
}

# program_keys DRIVER [HEADING]: "key default" lines of --help DRIVER.
program_keys()
{
    "$BUILD/balancerfs" --help "$1" | awk -v heading="${2:-Keys of $1:}" '
        /^[A-Z]/ { wanted = $0 == heading }
        wanted && /^  / {
            value = ""
            if (match($0, /\([^()]*\)$/) && substr($0, RSTART) != "(required)")
                value = " " substr($0, RSTART + 1, RLENGTH - 2)
            print $1 value
        }' | sort
}

# manual_keys SECTION: the same of balancerfs.conf(5). A list that is said to be for one driver is for that one only.
manual_keys()
{
    awk -v wanted="$1" '
        /^\.S[sh] / { section = $0; sub(/^\.S[sh] /, "", section); only = ""; depth = 0 }
        /^For [a-z]+( there are also)?:$/ { only = $2; sub(/:/, "", only) }
        /^\.Bl / { depth++ }
        /^\.El/ { depth--; if (!depth) only = "" }
        depth == 1 && /^\.It Ic / {
            n = split(section, names, ", ")
            for (i = 1; i <= n; i++)
                if (names[i] == wanted && (!only || only == wanted)) {
                    line = substr($0, 8); value = ""
                    if (match(line, / Pq /)) { value = " " substr(line, RSTART + 4); line = substr(line, 1, RSTART - 1) }
                    m = split(line, keys, " , ")
                    for (k = 1; k <= m; k++) print keys[k] value
                }
        }' "$man/balancerfs.conf.5" | sort
}

@test "mandoc has nothing to say about the pages" {
    for page in "$man"/*; do
        run mandoc -Tlint -Wwarning "$page"
        assert_output ""
        assert_success
    done
}

@test "every driver is in the manual, and every one there is a driver" {
    run manual_names
    assert_output "$(drivers | sort)"
}

manual_names()
{
    sed -n '/^\.Sh DRIVERS/,/^\.Sh [^D]/s/^\.Ss //p' "$man/balancerfs.conf.5" | sed 's/, /\n/g' | sort
}

@test "the keys of every driver are in the manual, and those there are keys" {
    for driver in $(drivers); do
        diff <(program_keys "$driver" | cut -d' ' -f1) <(manual_keys "$driver" | cut -d' ' -f1) || { echo "$driver: < program, > manual" && false; }
    done
}

@test "the keys of every balancer are in the manual, with their defaults" {
    diff <(program_keys dummy "Keys of every balancer:" | cut -d' ' -f1) <(manual_keys "Keys of every balancer" | cut -d' ' -f1)
    defaults dummy "Keys of every balancer:" "Keys of every balancer"
}

# defaults DRIVER HEADING SECTION: where the manual has a default it is the table's.
defaults()
{
    local key value
    while read -r key value; do
        [ -z "$value" ] || assert_equal "$key: $value" "$key: $(program_keys "$1" "$2" | sed -n "s/^$key //p")"
    done < <(manual_keys "$3")
}

@test "the defaults that the manual has are those of the program" {
    for driver in $(drivers); do
        defaults "$driver" "Keys of $driver:" "$driver"
    done
}

@test "every option has a line of help" {
    for driver in $(drivers); do
        run bash -c '"$BUILD/balancerfs" --help "$1" | grep "^  " | grep -vE "^  [a-z_*]+ +[a-z]+ +[^ ].{5,}$"' - "$driver"
        assert_output ""
    done
}

@test "mount options and flags are in the manual, and those there are the program's" {
    "$BUILD/balancerfs" --help >help
    sed -n '/^Mount options:/,/^$/s/^  \([a-z_][a-z_]*=\{0,1\}\).*/\1/p' help | sort >program
    sed -n '/^\.Ss Mount options/,/^\.El/s/^\.It Cm //p' "$man/balancerfs.8" | sed 's/ , Cm /\n/g; s/ , /\n/g' | sed 's/ Ns = .*/=/' | sort >manual
    diff program manual
    sed -n 's/^  \(-[-a-z]*\) .*/\1/p' help | sort >program
    sed -n '/^\.Sh OPTIONS/,/^\.El/s/^\.It Fl \([-a-z]*\).*/-\1/p' "$man/balancerfs.8" | sort >manual
    diff program manual
    # And they are accepted: what is complained of is something else.
    for option in allow_other ro uid=1 gid=1 umask=022 entry_timeout=1.5 attr_timeout=0 negative_timeout=1 unlink=bounce unlink=block auto_unmount fsname=name \
        nofail _netdev noauto x-systemd.automount x-anything; do
        run "$BUILD/balancerfs" -o "$option" nosuch.yaml nowhere
        assert_failure 2
        assert_output "nosuch.yaml: No such file or directory"
    done
}

@test "the usage in the manual is that of --help" {
    mandoc -Tascii -O width=200 "$man/balancerfs.8" | col -bx | sed -n '/^SYNOPSIS/,/^DESCRIPTION/p' | grep '^ ' | tr -s ' \n' ' ' | tr "[:lower:]" "[:upper:]" >manual
    "$BUILD/balancerfs" --help | sed -n '/^usage/,/^$/p' | sed 's/^usage://; s/\[-f\] \[-d\]/[-fd]/; s/\[,OPTION\.\.\.\]/[,OPTION ...]/; s/\[NAME\.\.\.\]/[NAME ...]/' | tr -s ' \n' ' ' | tr "[:lower:]" "[:upper:]" >program
    diff manual program
}

@test "the classes that the manual has lead to their drivers" {
    classes=$(sed -n '/^of which the last part decides:$/,/^\.S/p; /of which the last part decides:$/,/^\.S/p' "$man/balancerfs.conf.5" | grep '^\.Ic .*Balancer' | head -n 1 | sed 's/^\.Ic //; s/[ .,]\{1,\}/ /g')
    [ "$(wc -w <<<"$classes")" -ge 8 ]
    for class in $classes; do
        run "$BUILD/balancerfs" --help "some.path.$class"
        assert_success
        assert_output --regexp "Also: .*$class"
    done
}

# accepted FILE: by --check, as it is, or as keys of a balancer of some driver.
accepted()
{
    if grep -q '^BALANCERS:' "$1"; then
        "$BUILD/balancerfs" --check "$1"
        return
    fi
    for driver in $(drivers); do
        { printf 'BALANCERS:\n  x:\n    BACKEND: %s\n' "$driver" && sed 's/^ */    /' "$1"; } >whole
        ! "$BUILD/balancerfs" --check whole 2>/dev/null || return 0
    done
    echo "of no driver:"
    cat "$1"
    return 1
}

@test "the examples of configurations pass --check" {
    awk '/^\.Bd -literal -offset indent/ { n++; on = 1; next } /^\.Ed/ { on = 0 } on { print > ("example" n) }' "$man/balancerfs.conf.5"
    found=0
    for example in example*; do
        # What has another syntax is of another program.
        ! grep -qvE '^ *(- .*|[A-Za-z_]+:.*)$' "$example" || continue
        run accepted "$example"
        assert_output ""
        assert_success
        found=$((found + 1))
    done
    [ "$found" -ge 4 ]
    run "$BUILD/balancerfs" --check "$top/contrib/examples/demo.yaml"
    assert_output ""
    assert_success
}

@test "the driver at the end of balancerfs-driver(3) compiles and is one" {
    mandoc -Tascii -O width=200 "$man/balancerfs-driver.3" | col -bx | sed 's/^     //' | awk '/^EXAMPLES/ { last = 1 } last && /^#include <balancerfs/ { on = 1 } on { print } on && /^const struct driver/ { end = 1 } end && /^};/ { exit }' >dirs.c
    mkdir balancerfs
    cp "$top/drivers/driver.h" balancerfs/
    for compiler in gcc clang; do
        $compiler -std=gnu11 -Wall -Wextra -Werror -I. -shared -fPIC -o dirs.so dirs.c
    done
    chmod 755 dirs.so
    mkdir pools
    printf 'BALANCERS:\n  d: {BACKEND: %s, path: %s}\n' "$PWD/dirs.so" "$PWD/pools" >config
    run "$BUILD/balancerfs" --check config
    assert_output ""
    assert_success
    mkdir pools/app
    run "$BUILD/balancerfs" --probe config
    assert_success
    assert_line --regexp '^d +- +pools +ok +1$'
    printf 'BALANCERS:\n  d: {BACKEND: %s}\n' "$PWD/dirs.so" >config
    run "$BUILD/balancerfs" --check config
    assert_output "$PWD/config:2:3: balancer d has no path (directory of the pools)"
}

@test "driver.h and balancerfs-driver(3) have the same table of calls" {
    sed -n 's/^ \*   \(\(call\|open\|get_pools\|get_nodes\|apply\|status\|probe\|close\)  .*\)/\1/p' "$top/drivers/driver.h" >header
    [ "$(wc -l <header)" -eq 8 ]
    sed -n '/^call  .*thread/,/^\.Ed/p' "$man/balancerfs-driver.3" | grep -v '^\.' >manual
    diff header manual
}
