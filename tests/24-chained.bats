#!/usr/bin/env bats
# Several balancers as one: the union of what they have, and each change on all of them or on none.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    CLI="${BUILD:-$TREE/build}/tests/driver_cli"
    cd "$BATS_TEST_TMPDIR" || return 1
    printf 'app: [10.0.0.1:80]\nonly-a: []\n' >a.yaml
    printf 'app: [10.0.0.1:80, 10.0.0.2:80]\n' >b.yaml
    printf 'app: []\nonly-c: [10.0.0.3:80]\n' >c.yaml
    cp a.yaml a.before
    cp b.yaml b.before
    cp c.yaml c.before
}

# chain FILES OPTIONS... -- COMMANDS: a dummy for each letter of FILES, kept in LETTER.yaml, logging to LETTER.log.
# An option LETTER:KEY=VALUE is that dummy's.
chain()
{
    local files=$1 words=() letter option options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    while read -rn 1 letter; do
        [ -n "$letter" ] || continue
        words+=("balancers=[" dummy file="$PWD/$letter.yaml" log="$PWD/$letter.log")
        for option in "${options[@]}"; do
            [[ $option != $letter:* ]] || words+=("${option#*:}")
        done
        words+=("]")
    done <<<"$files"
    timeout 60 "$CLI" chained "${words[@]}" "$@"
}

# holds LETTER: what the dummy of that file has, "POOL" and "POOL/NODE" in one line.
holds()
{
    "$CLI" dummy file="$PWD/$1.yaml" -- pools | tr '\n' ' '
}

as_before()
{
    local letter
    for letter in a b c; do
        "$CLI" dummy file="$PWD/$letter.yaml" -- pools >now
        "$CLI" dummy file="$PWD/$letter.before" -- pools >before
        diff -u before now
    done
}

@test "a listing is the union, and tells who has it" {
    run -0 chain abc -- pools , nodes app , nodes missing
    assert_output "app
app/10.0.0.1:80 only on 1:dummy, 2:dummy
app/10.0.0.2:80 only on 2:dummy
only-a only on 1:dummy
only-c only on 3:dummy
only-c/10.0.0.3:80 only on 3:dummy
app/10.0.0.1:80 only on 1:dummy, 2:dummy
app/10.0.0.2:80 only on 2:dummy"
}

@test "a member whose listing is not whole makes that of the chain so" {
    # shellcheck disable=SC2016
    printf '%s\n' '#!/bin/sh' '[ $1 = get_pools ] && echo app || echo 10.0.0.9:80' >program
    chmod 755 program
    run -0 "$CLI" chained "balancers=[" dummy file="$PWD/b.yaml" "]" "balancers=[" exec command="$PWD/program" "]" -- pools , nodes app
    assert_output "app
app/10.0.0.1:80 only on 1:dummy
app/10.0.0.2:80 only on 1:dummy
app/10.0.0.9:80 only on 2:exec"
}

@test "what a member cannot show is counted" {
    # shellcheck disable=SC2016
    printf '%s\n' '#!/bin/sh' 'printf "app\n10.0.0.9:80\nhello, world\n"' >program
    chmod 755 program
    run -0 "$CLI" chained "balancers=[" exec command="$PWD/program" "]" "balancers=[" dummy "]" -- pools , nodes app
    assert_output "app only on 1:exec
refused: 2
app/10.0.0.9:80 only on 1:exec
refused: 2"
}

@test "a change is made on all of them, and mends what differs" {
    run -0 chain abc -- apply add:app/10.0.0.2:80 add:new/10.0.0.4:80 del:only-c/10.0.0.3:80 create:only-a
    assert_equal "$(holds a)" "app app/10.0.0.1:80 app/10.0.0.2:80 new new/10.0.0.4:80 only-a "
    assert_equal "$(holds b)" "app app/10.0.0.1:80 app/10.0.0.2:80 new new/10.0.0.4:80 only-a "
    assert_equal "$(holds c)" "app app/10.0.0.2:80 new new/10.0.0.4:80 only-a only-c "
    assert_equal "$(grep -h ^apply ./*.log | sort -u | wc -l)" 1
}

@test "when the last one refuses, the others have what they had" {
    run -1 chain abc c:refuse=10.0.0.9:80 -- apply del:app/10.0.0.1:80 del:app/10.0.0.2:80 create:fresh add:made/10.0.0.5:80 add:made/10.0.0.6:80 remove:only-a add:app/10.0.0.9:80
    assert_output "EREMOTEIO 3:dummy: dummy: node 10.0.0.9:80 is refused"
    as_before
    # Two had it, and it was taken back there; the third never had.
    assert_equal "$(grep -c ^apply a.log b.log c.log)" "a.log:2
b.log:2
c.log:1"
}

@test "when the first one refuses, nobody else is asked to change" {
    run -1 chain abc a:refuse=10.0.0.9:80 -- apply create:fresh add:app/10.0.0.9:80
    assert_output "EREMOTEIO 1:dummy: dummy: node 10.0.0.9:80 is refused"
    as_before
    run grep -h ^apply b.log c.log
    assert_output ""
}

@test "what was there already is not taken away again" {
    run -1 chain abc c:refuse=10.0.0.9:80 -- apply add:app/10.0.0.1:80 create:only-a del:app/10.0.0.7:80 remove:nothing add:app/10.0.0.9:80
    assert_output --partial "EREMOTEIO 3:dummy"
    as_before
}

@test "in order: what is added and deleted in one set of changes ends where it was" {
    run -1 chain abc c:refuse=10.0.0.9:80 -- apply add:app/10.0.0.8:80 del:app/10.0.0.8:80 del:app/10.0.0.1:80 add:app/10.0.0.1:80 create:x remove:x add:only-a/10.0.0.1:80 del:only-a/10.0.0.1:80 remove:only-a add:y/10.0.0.9:80
    assert_output --partial "EREMOTEIO 3:dummy"
    as_before
}

@test "a pool that has nodes on one member cannot be deleted from any" {
    run -1 chain abc -- apply create:x remove:only-c , apply remove:app
    assert_output "ENOTEMPTY 3:dummy: pool only-c has 1 nodes
ENOTEMPTY 1:dummy: pool app has 1 nodes"
    as_before
    run grep -h ^apply a.log b.log c.log
    assert_output ""
}

@test "a member that cannot be asked is no empty one: listings and changes fail" {
    run -1 chain abc b:fail=EHOSTUNREACH -- pools , nodes app , apply create:x
    assert_output "EHOSTUNREACH 2:dummy: dummy: get_pools fails as it was told to
EHOSTUNREACH 2:dummy: dummy: get_nodes fails as it was told to
EHOSTUNREACH 2:dummy: dummy: get_pools fails as it was told to"
    as_before
    run grep -h ^apply a.log b.log c.log
    assert_output ""
}

@test "when it cannot be taken back, the outcome is unknown and says why" {
    # The first one refuses the opposite too: of a deletion, the addition.
    run -1 chain ab a:refuse=10.0.0.1:80 b:refuse=10.0.0.9:80 -- apply del:app/10.0.0.1:80 add:app/10.0.0.9:80
    assert_output "EIO 2:dummy: dummy: node 10.0.0.9:80 is refused; and what was done could not be taken back on 1:dummy: dummy: node 10.0.0.1:80 is refused"
}

@test "a member whose outcome is unknown is put back too, and then nothing is unknown" {
    # It makes the change and says that it does not know.
    # shellcheck disable=SC2016
    printf '%s\n' '#!/bin/sh' "'$TREE/contrib/exec/pools.sh' \"\$@\" || exit" '[ ! -e unsure ] || [ $1 != apply ] || { rm unsure; echo "EIO the line went dead" >&2; exit 1; }' >program
    chmod 755 program
    touch unsure
    run -1 "$CLI" chained "balancers=[" dummy file="$PWD/a.yaml" "]" "balancers=[" exec command="$PWD/program" directory="$PWD/pools" "]" "balancers=[" dummy file="$PWD/b.yaml" log="$PWD/b.log" "]" \
        -- apply add:app/10.0.0.7:80 create:x , pools , nodes app
    assert_output "EREMOTEIO 2:exec: the line went dead
app only on 1:dummy, 3:dummy
only-a only on 1:dummy
app/10.0.0.1:80 only on 1:dummy, 3:dummy
app/10.0.0.2:80 only on 3:dummy"
    [ ! -e unsure ]
    as_before
    run grep ^apply b.log
    assert_output ""
}

@test "members are asked at once: the slowest decides" {
    # Four that each wait for the others, until all four are asked.
    # shellcheck disable=SC2016
    printf '%s\n' '#!/bin/sh' 'touch "$BALANCERFS_ME"; i=0; while [ "$(ls -d here.* | wc -l)" -lt 4 ]; do i=$((i + 1)); [ $i -lt 200 ] || exit 1; sleep 0.05; done' >program
    chmod 755 program
    words=()
    for me in 1 2 3 4; do
        words+=("balancers=[" exec command="$PWD/program" me="$PWD/here.$me" "]")
    done
    run -0 "$CLI" chained "${words[@]}" -- pools
    rm here.*
    run -0 "$CLI" chained "${words[@]}" -- nodes app
}

@test "status and probe have every member's" {
    printf '#!/bin/sh\necho app\n' >program
    chmod 755 program
    run -0 "$CLI" chained "balancers=[" dummy "]" "balancers=[" exec command="$PWD/program" "]" -- pools , status , probe
    assert_output "app only on 2:exec
2:exec/$PWD/program up -
1:dummy get_pools: 1
1:dummy get_nodes: 0
1:dummy apply: 0
2:exec calls: 1
1:dummy pools ok in memory
2:exec/$PWD/program get_pools ok 1 pools"
    printf '#!/bin/sh\necho EACCES no >&2; exit 1\n' >program
    run -1 "$CLI" chained "balancers=[" exec command="$PWD/program" "]" "balancers=[" dummy "]" -- probe
    assert_output "EACCES 1:exec: no
1:exec/$PWD/program get_pools FAILED no
2:dummy pools ok in memory"
}

@test "chains may be in chains" {
    run -0 "$CLI" ChainedBalancer "balancers=[" chained "balancers=[" dummy file="$PWD/a.yaml" "]" "balancers=[" dummy file="$PWD/b.yaml" "]" "]" "balancers=[" dummy file="$PWD/c.yaml" "]" -- nodes app , apply add:only-c/10.0.0.1:80
    assert_output "app/10.0.0.1:80 only on 1:chained/1:dummy, 1:chained/2:dummy
app/10.0.0.2:80 only on 1:chained/2:dummy"
    assert_equal "$(holds b)" "app app/10.0.0.1:80 app/10.0.0.2:80 only-c only-c/10.0.0.1:80 "
}

@test "a member that does not open fails the chain, with its own words" {
    run -2 "$CLI" chained "balancers=[" dummy "]" "balancers=[" exec command=/nonexistent "]" -- pools
    assert_output "EINVAL options:1:1: /nonexistent: No such file or directory"
    run -2 "$CLI" chained -- pools
    assert_output --partial "balancers must have a section at least"
}
