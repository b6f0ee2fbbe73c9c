#!/usr/bin/env bats
# The conformance suite: drivers that keep their promises pass it, and each of those that do not fails where it should.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export BUILD="${BUILD:-$TREE/build}"
    PATH=/usr/bin:$PATH # the python3 of tests/packages, whatever else there is
    cd "$BATS_TEST_TMPDIR" || return 1
}

# balancer TEXT: a configuration of one, whose section is this flow mapping.
balancer()
{
    printf 'BALANCERS:\n  lb: %s\n' "$1" >balancers.yaml
}

conformance()
{
    timeout 300 "$TREE/tests/conformance" balancers.yaml lb
}

# keeps_all: every line is ok, and there are as many as there are promises.
keeps_all()
{
    run -0 conformance
    refute_line --regexp '^FAIL'
    assert_line "26 promises kept, 0 broken"
    assert_equal "$(grep -c '^ok ' <<<"$output")" 26
}

# broken_program SED: the example in shell, with an edit that breaks it.
broken_program()
{
    sed "$1" "$TREE/contrib/exec/pools.sh" >program
    ! cmp -s program "$TREE/contrib/exec/pools.sh"
    chmod 755 program
    balancer "{BACKEND: exec, command: [$PWD/program], directory: $PWD/pools}"
}

# breaks PROMISE...: exactly these fail.
breaks()
{
    run -1 conformance
    assert_equal "$(sed -n 's/^FAIL  //p' <<<"$output")" "$(printf '%s\n' "$@")"
}

@test "dummy keeps all, in memory and in a file" {
    balancer "{BACKEND: DummyBalancer, pools: {mine: [10.0.0.1:80], other: []}}"
    keeps_all
    assert_line --partial "another handle sees nothing of it: the pools will not outlive a mount"
    balancer "{BACKEND: dummy, file: $PWD/pools.yaml}"
    keeps_all
    refute_output --partial "another handle"
}

@test "exec with the example in shell keeps all" {
    balancer "{BACKEND: exec, command: [$TREE/contrib/exec/pools.sh], directory: $PWD/pools}"
    keeps_all
    refute_output --partial "another handle"
}

@test "the example in shell works in busybox too" {
    balancer "{BACKEND: exec, command: [busybox, sh, $TREE/contrib/exec/pools.sh], directory: $PWD/pools}"
    keeps_all
}

@test "exec with the example in Python keeps all" {
    balancer "{BACKEND: exec, command: [$TREE/contrib/exec/pools.py], file: $PWD/pools.json}"
    keeps_all
}

@test "a shared object, built from the manual page, keeps all" {
    mkdir -p include/balancerfs pools
    cp "$TREE/drivers/driver.h" include/balancerfs
    sed -n '/^A complete driver:/,/^\.Ed/p' "$TREE/contrib/man/balancerfs-driver.3" | sed '1,2d; /^\.Ed/d; s/\\e/\\/g' >dirs.c
    cc -shared -fPIC -Iinclude -o dirs.so dirs.c
    balancer "{BACKEND: $PWD/dirs.so, path: $PWD/pools}"
    keeps_all
}

@test "a chain of dummies, and of different drivers, keeps all" {
    balancer "{BACKEND: chained, balancers: [{BACKEND: dummy, file: $PWD/a.yaml}, {BACKEND: dummy, file: $PWD/b.yaml}, {BACKEND: dummy}]}"
    keeps_all
    balancer "{BACKEND: ChainedBalancer, BALANCERS: [{BACKEND: dummy, file: $PWD/c.yaml}, {BACKEND: exec, command: [$TREE/contrib/exec/pools.sh], directory: $PWD/pools}]}"
    keeps_all
}

@test "one that is not idempotent fails" {
    # shellcheck disable=SC2016
    broken_program 's/^    add_node) .*/    add_node) ! grep -qsxF -e "$3" "$file" || fail EEXIST "node $3 is there"; echo "$3" >>"$file" ;;/'
    breaks "adding what is there succeeds and changes nothing" \
        "adding what is there in part adds the rest" \
        "a node given twice is one node"
}

@test "one that fails for what is not there fails" {
    # shellcheck disable=SC2016
    broken_program 's/^    \[ ! -f "pools\/$2" \] || cat/    cat/; s/^        \[ -f "$file" \] || return 0$/        [ -f "$file" ] || fail EREMOTEIO "no pool $2"/'
    run -1 conformance
    assert_line "FAIL  get_nodes of a pool that does not exist gives an empty list"
    assert_line "FAIL  deleting from a pool that does not exist succeeds and does not make it"
    assert_line --partial "-a1 fails: EREMOTEIO no pool conformance-a"
}

@test "one that makes half of the changes and then refuses fails" {
    # shellcheck disable=SC2016
    broken_program 's/^        \[ ! -s "$file" \] || fail/        [ ! -s "$file" ] || { put_in_place; false; } || fail/'
    breaks "a set of changes that is refused at its end changes nothing" \
        "after a refusal it works on"
}

@test "one that makes the changes before and behind the one that it refuses fails" {
    # shellcheck disable=SC2016
    broken_program 's/^        change "$verb" "$pool" "$node"$/        (change "$verb" "$pool" "$node") || bad=1/; s/^    put_in_place$/    put_in_place; [ -z "${bad:-}" ] || fail ENOTEMPTY "a pool has nodes"/'
    breaks "a set of changes that is refused at its end changes nothing" \
        "a set of changes that is refused at its beginning changes nothing" \
        "after a refusal it works on"
}

@test "one that drops a pool with its last node fails" {
    # shellcheck disable=SC2016
    broken_program 's/^        mv "$new\/.rest" "$file"$/        mv "$new\/.rest" "$file"; [ -s "$file" ] || rm "$file"/'
    run -1 conformance
    assert_line "FAIL  deleting the last node leaves an empty pool, which takes nodes again"
    assert_line --partial 'it has "" where "a" is right after -a1'
}

@test "one that deletes a pool with its nodes fails, and so does one that says EBUSY" {
    # shellcheck disable=SC2016
    broken_program '/^        \[ ! -s "$file" \] || fail/d'
    run -1 conformance
    assert_line "FAIL  deleting a pool with nodes is ENOTEMPTY and changes nothing"
    assert_line --partial "-a succeeds, and should be ENOTEMPTY"
    broken_program 's/fail ENOTEMPTY/fail EBUSY/'
    run -1 conformance
    assert_line "FAIL  deleting a pool with nodes is ENOTEMPTY and changes nothing"
    assert_line --partial "-a is EBUSY, and should be ENOTEMPTY: pool conformance-a has nodes"
}

@test "one that does not keep the order fails" {
    # shellcheck disable=SC2016
    broken_program 's/^    while read -r verb pool node; do$/    sort | while read -r verb pool node; do/; s/^    done$/    done || exit 1/'
    run -1 conformance
    assert_line "FAIL  changes are made in their order"
}

@test "one that spells a name in another way, or leaves one out, fails" {
    broken_program 's/^    \[ ! -e pools \] || ls pools$/    [ ! -e pools ] || ls pools | tr A-Z a-z/'
    breaks "names of pools are listed as they were given"
    # shellcheck disable=SC2016
    broken_program 's/|| cat "pools\/$2"$/|| grep -v "^\\[" "pools\/$2" || true/'
    breaks "IPv4, IPv6 and names, the same host on several ports: listed as they were added" \
        "what was made here can be taken away again"
    assert_line "the rest was not tried"
}

@test "one that touches what is not its own fails" {
    mkdir -p pools/first
    echo 10.0.0.1:80 >pools/first/mine
    ln -s first pools/pools
    # shellcheck disable=SC2016
    broken_program 's/^    put_in_place$/    rm -f "$new\/mine"; put_in_place/'
    breaks "what else the balancer has was not touched"
    assert_line --partial "mine: 10.0.0.1:80"
}

@test "what cannot be tried is told, and is no broken promise" {
    run -2 "$TREE/tests/conformance"
    assert_output --partial "usage: tests/conformance CONFIG BALANCER"
    run -2 "$TREE/tests/conformance" missing.yaml lb
    assert_output --partial missing.yaml
    balancer "{BACKEND: dummy}"
    run -2 "$TREE/tests/conformance" balancers.yaml other
    assert_output "balancers.yaml has no balancer other"
    balancer "{BACKEND: exec}"
    run -2 conformance
    assert_output --partial "command"
    balancer "{BACKEND: exec, command: [/nonexistent]}"
    run -2 conformance
    assert_output "balancers.yaml:2:32: /nonexistent: No such file or directory"
    balancer "{BACKEND: dummy, fail: EHOSTUNREACH}"
    run -2 conformance
    assert_output --partial "fails as it was told to"
    balancer "{BACKEND: dummy, pools: {conformance-a: [10.9.9.9:80]}}"
    run -2 conformance
    assert_output "pool conformance-a has 10.9.9.9:80, which is not of this suite: delete the pool"
    BUILD=/nonexistent run -2 "$TREE/tests/conformance" balancers.yaml lb
    assert_output --partial "build it first"
}
