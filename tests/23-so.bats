#!/usr/bin/env bats
# A driver that is a shared object, built out of the tree against what is installed, and nothing else.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export TREE BUILD="${BUILD:-$TREE/build}"
    export CLI=$BUILD/tests/driver_cli INSTALLED=$BATS_FILE_TMPDIR/installed
    meson install -C "${BUILD%/wrapped}" --no-rebuild --tags devel --destdir "$INSTALLED" >"$BATS_FILE_TMPDIR/log" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/log"
        return 1
    }
    PKG_CONFIG_PATH=$(dirname "$(find "$INSTALLED" -name balancerfs.pc)")
    export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR=$INSTALLED
    # As it is printed, not as it is written.
    manual_example >"$BATS_FILE_TMPDIR/dirs.c"
    build_driver "$BATS_FILE_TMPDIR/dirs.c" "$BATS_FILE_TMPDIR/dirs.so"
    export DIRS=$BATS_FILE_TMPDIR/dirs.so
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir pools
}

manual_example()
{
    sed -n '/^A complete driver:/,/^\.Ed/p' "$TREE/contrib/man/balancerfs-driver.3" | sed '1,2d; /^\.Ed/d; s/\\e/\\/g'
}

# build_driver SOURCE OBJECT [OPTION...]
build_driver()
{
    local source=$1 object=$2
    shift 2
    # shellcheck disable=SC2046  # words are what is wanted
    ${CC:-cc} -Wall -Wextra -Werror -shared -fPIC $(pkg-config --cflags balancerfs) -o "$object" "$source" "$@"
}

# driver CODE...: driver.so of these lines after the include and before the end of the file.
driver()
{
    {
        echo '#include <balancerfs/driver.h>'
        echo '#include <stddef.h>'
        printf '%s\n' "$@"
    } >driver.c
    build_driver driver.c driver.so
}

# whole_driver FIELDS: a driver that has nothing, with these fields besides.
whole_driver()
{
    driver 'static const struct option rows[] = {{NULL, OPTION_STRING, NULL, false, NULL}};' \
        'static void *open_it(const struct options *o, struct error *e) { (void)e; return (void *)options_balancer(o); }' \
        'static int pools(void *lb, struct listing *l, struct error *e) { (void)lb, (void)l, (void)e; return 0; }' \
        'static int nodes(void *lb, const struct pool *p, struct listing *l, struct error *e) { (void)lb, (void)p, (void)l, (void)e; return 0; }' \
        'static int apply(void *lb, const struct change *c, size_t n, struct error *e) { (void)lb, (void)c, (void)n, (void)e; return 0; }' \
        'static void close_it(void *lb) { (void)lb; }' \
        "const struct driver balancerfs_driver = {$1};"
}

COMPLETE='.name = "x", .options = rows, .open = open_it, .get_pools = pools, .get_nodes = nodes, .apply = apply, .close = close_it'


@test "what is installed is enough: the header and balancerfs.pc" {
    run -0 bash -c "cd '$INSTALLED' && find . -name '*.h' -o -name '*.pc'"
    assert_line --regexp '^\./.*/include/balancerfs/driver\.h$'
    assert_line --regexp '^\./.*/pkgconfig/balancerfs\.pc$'
    assert_equal "$(wc -l <<<"$output")" 2
    run -0 pkg-config --modversion balancerfs
    assert_output "$(sed -n "s/^ *version: '\(.*\)',/\1/p" "$TREE/meson.build" | head -n 1)"
    run -0 pkg-config --libs balancerfs
    assert_equal "${output// /}" ""
}

@test "the driver of the manual page builds without a warning, in C and in C99, with gcc and clang" {
    for cc in "gcc -std=c99" "gcc -std=c17 -O2 -D_FORTIFY_SOURCE=2" "clang -std=c11"; do
        CC=$cc build_driver "$BATS_FILE_TMPDIR/dirs.c" dirs.so -D_DEFAULT_SOURCE -Wshadow -Wconversion -pedantic
    done
}

@test "it works" {
    run -0 "$CLI" "$DIRS" path="$PWD/pools" -- pools , apply add:app/10.0.0.1:80 'add:app/[2001:db8::1]:80' create:empty , pools , nodes app , nodes missing
    assert_output "app
empty
app/10.0.0.1:80
app/[2001:db8::1]:80"
    assert_equal "$(find pools -type f | sort)" "pools/app/10.0.0.1:80
pools/app/[2001:db8::1]:80"
}

@test "its options are checked, and its errors have their place" {
    run -2 "$CLI" "$DIRS" paths="$PWD/pools" -- pools
    assert_output "driver_cli: unknown key paths"
    run -2 "$CLI" "$DIRS" path=pools -- pools
    assert_output "EINVAL options:1:1: path must be absolute, and not this long: pools"
}

@test "all of a set of changes or none: the manual page's driver takes back what it did" {
    run -0 "$CLI" "$DIRS" path="$PWD/pools" -- apply add:app/10.0.0.1:80 create:empty
    run -1 "$CLI" "$DIRS" path="$PWD/pools" -- apply del:app/10.0.0.1:80 remove:empty add:new/10.0.0.2:80 create:more remove:new , pools , nodes app
    assert_output "ENOTEMPTY pool new: Directory not empty
app
empty
app/10.0.0.1:80"
}

@test "it may be in C++" {
    {
        echo '#include <balancerfs/driver.h>'
        echo 'static const struct option rows[] = {{"x", OPTION_STRING, nullptr, false, "x"}, {nullptr, OPTION_STRING, nullptr, false, nullptr}};'
        echo 'static void *open_it(const struct options *, struct error *) { static int it; return &it; }'
        echo 'static int pools(void *, struct listing *l, struct error *) { listing_pool(l, "fromcxx"); return 0; }'
        echo 'static int nodes(void *, const struct pool *, struct listing *, struct error *) { return 0; }'
        echo 'static int apply(void *, const struct change *, size_t, struct error *err) { return error_set(err, 30, "read only"); }'
        echo 'static void close_it(void *) {}'
        echo 'extern "C" const struct driver balancerfs_driver = {BALANCERFS_ABI, "cxx", nullptr, "in C++", rows, open_it, pools, nodes, apply, close_it, nullptr, nullptr};'
    } >driver.cc
    CC=c++ build_driver driver.cc driver.so
    run -1 "$CLI" "$PWD/driver.so" -- pools , apply create:x
    assert_output "fromcxx
EROFS read only"
}

@test "two handles of one driver, and a driver beside a built-in one" {
    mkdir more
    run -0 "$CLI" chained "balancers=[" "$DIRS" path="$PWD/pools" "]" "balancers=[" "$DIRS" path="$PWD/more" "]" "balancers=[" dummy "]" -- apply add:app/10.0.0.1:80 , nodes app
    assert_output "app/10.0.0.1:80"
    assert_equal "$(find pools more -type f | sort)" "more/app/10.0.0.1:80
pools/app/10.0.0.1:80"
}

@test "one for another version of the interface is refused, and says what to do" {
    whole_driver ".abi = BALANCERFS_ABI + 1, $COMPLETE"
    run -2 "$CLI" "$PWD/driver.so" -- pools
    assert_output "EINVAL $PWD/driver.so was built for version 2 of the driver interface, this is version 1: build it again with this version's <balancerfs/driver.h>"
    whole_driver ".abi = BALANCERFS_ABI, $COMPLETE"
    run -0 "$CLI" "$PWD/driver.so" -- pools
}

@test "one that lacks something is refused" {
    for lack in open get_pools get_nodes apply close; do
        whole_driver ".abi = BALANCERFS_ABI, ${COMPLETE/.$lack = /.$lack = 1 ? NULL : }"
        run -2 "$CLI" "$PWD/driver.so" -- pools
        assert_output "EINVAL $PWD/driver.so: one of open, get_pools, get_nodes, apply and close is NULL"
    done
    for lack in name options; do
        whole_driver ".abi = BALANCERFS_ABI, ${COMPLETE/.$lack = /.$lack = 1 ? NULL : }"
        run -2 "$CLI" "$PWD/driver.so" -- pools
        assert_output "EINVAL $PWD/driver.so: its $lack is NULL"
    done
}

@test "what is no driver is told apart" {
    driver 'int something_else;'
    run -2 "$CLI" "$PWD/driver.so" -- pools
    assert_output "EINVAL $PWD/driver.so is no driver: it has no symbol balancerfs_driver"
    echo hello >text.so
    run -2 "$CLI" "$PWD/text.so" -- pools
    assert_output --partial "EINVAL cannot load $PWD/text.so: "
    run -2 "$CLI" "$PWD/missing.so" -- pools
    assert_output "EINVAL $PWD/missing.so: No such file or directory"
    mkdir dir.so
    run -2 "$CLI" "$PWD/dir.so" -- pools
    assert_output "EINVAL $PWD/dir.so is not a regular file"
    run -2 "$CLI" driver.so -- pools
    assert_output "EINVAL BACKEND must be the absolute path of a shared object: driver.so"
}

@test "one that needs what is not exported is refused when it is loaded, not when it is called" {
    driver 'void buf_str(void *, const char *); void call_it(void); void call_it(void) { buf_str(NULL, ""); }' 'const struct driver balancerfs_driver = {.abi = BALANCERFS_ABI};'
    run -2 "$CLI" "$PWD/driver.so" -- pools
    assert_output --partial "undefined symbol: buf_str"
}

@test "programs export what driver.h declares, all of it and nothing of their own besides" {
    # All declarations in the header, less the fields of struct driver.
    sed '/^struct driver {/,/^};/d' "$TREE/drivers/driver.h" | cpp -fpreprocessed -P - | grep -oE '\b[a-z_]+\(' | grep -vE '__attribute__|^format|defined' | tr -d '(' | sort -u >declared
    for program in "${BUILD%/wrapped}/balancerfs" "${BUILD%/wrapped}/tests/driver_cli"; do
        [ -e "$program" ] || continue
        nm -D --defined-only "$program" | awk '{ print $3 }' | sed 's/@.*//' | sort -u >exported
        run -0 comm -23 declared exported
        assert_output ""
        run -0 bash -c "comm -13 declared exported | grep -E '^(agent|buf|child|chained|dummy|exec|fs|listing|options|pool|registry|remote|status|store|transaction)_' || true"
        assert_output ""
    done
}

@test "a file that others can write is not loaded" {
    cp "$DIRS" driver.so
    chmod 666 driver.so
    run -2 "$CLI" "$PWD/driver.so" -- pools
    assert_output "EINVAL $PWD/driver.so can be written by everyone: chmod o-w it"
    chmod 644 driver.so
    chmod 777 .
    run -2 "$CLI" "$PWD/driver.so" path="$PWD/pools" -- pools
    assert_output "EINVAL $PWD can be written by everyone: chmod o-w it"
    # As /tmp is: nobody can replace there what is another's.
    chmod 1777 .
    run -0 "$CLI" "$PWD/driver.so" path="$PWD/pools" -- pools
}

@test "a file of another user, or in a directory of another's, is not loaded" {
    [ "$(id -u)" -eq 0 ] || skip "only root can give files away"
    cp "$DIRS" driver.so
    chown 65534 driver.so
    run -2 "$CLI" "$PWD/driver.so" -- pools
    assert_output "EINVAL $PWD/driver.so belongs to user 65534, who could put any code there: chown it to root"
    chown 0 driver.so
    mkdir theirs
    cp driver.so theirs
    chown 65534 theirs
    run -2 "$CLI" "$PWD/theirs/driver.so" -- pools
    assert_output "EINVAL $PWD/theirs belongs to user 65534, who could put any code there: chown it to root"
    # A symbolic link is what it points to.
    chown 65534 -R theirs
    ln -s theirs/driver.so link.so
    run -2 "$CLI" "$PWD/link.so" -- pools
    assert_output "EINVAL $PWD/theirs/driver.so belongs to user 65534, who could put any code there: chown it to root"
}
