#!/usr/bin/env bats
# The pure modules around the file system: names of temporaries, lists of nodes, keys of every balancer.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file() {
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export TREE
    export CLI="${BUILD:-$TREE/build}/tests/control_cli"
}

# all_are WORD: every name on standard input is that for the program.
all_are() {
    local names wrong
    names=$(cat)
    wrong=$("$CLI" scratch <<<"$names" | grep -v "^$1 " || true)
    [ -n "$names" ] || { echo "no names"; return 1; }
    [ -z "$wrong" ] || { echo "not $1:"; echo "$wrong"; return 1; }
}

# text TEXT: the nodes of a .nodes with this text (escapes as of printf %b).
text() {
    printf %b "$1" | "$CLI" nodes
}

# hashes N: the nodes of N times #.
hashes() {
    head -c "$1" /dev/zero | tr '\0' '#' | "$CLI" nodes
}

# ---- scratch names --------------------------------------------------------------------------

@test "scratch: the temporaries of every tool, beside every kind of node" {
    # T: the target. Ends of random names are as each tool makes them.
    for node in 10.0.0.1:80 10.0.0.1:8080 '[2001:db8::1]:443' web1:80 web-1.example.com:65535 tmp.example:1 sed:80; do
        sed "s|T|$node|" <<'END'
.T.a1B2c3
.T.XXXXXX
T~
.ansible_tmpq_w3rtyuT
T20261124-4711-1ab2c3d
T20261124-4711-1ab2c3d.lock
T20261124-1-z-1
T20261124-1-z-1.lock
T.cfnew
T.cf-before-edit
T.cfsaved
T.cdist.__file.4711
.rex.tmp.T
.unison.T.1a2b.unison.tmp
T.a1b2c3d4.partial
Tsalt_ab1
T1bcdefgh
Tzzzzzzzz
.chef-T20261124-4711-1ab2c3d
.chef-10
.T.swp
.T.swx
.#T
#T#
T.save
T.~1~
T.4711.2026-11-24@12:00:00~
T.bak
T.1
T-old
T-20261124
T.orig
END
    done | all_are scratch
}

@test "scratch: the temporaries of .nodes" {
    all_are scratch <<'END'
..nodes.a1B2c3
.ansible_tmpq_w3rtyu.nodes
.nodes20261124-4711-1ab2c3d
.nodes20261124-4711-1ab2c3d.lock
.nodes.cfnew
.nodessalt_ab1
..nodes.swp
.nodes~
.#.nodes
#.nodes#
.unison..nodes.1a2b.unison.tmp
END
}

@test "scratch: names without the target, and directories" {
    all_are scratch <<'END'
sedAb12Zz
XXa1B2c3
tmpq_w3rtyu
4913
.rsync-partial
.~tmp~
.git
.goutputstream-A1B2C3
END
}

@test "scratch: random characters are those of mkstemp and of Python" {
    cd "$BATS_TEST_TMPDIR"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        mktemp -u sedXXXXXX
        mktemp -u XXXXXXXX | sed 's/^../XX/'
        mktemp -u 10.0.0.1:80.XXXXXX
        mktemp -u .10.0.0.1:80.XXXXXX
    done | all_are scratch
    python3 -c 'import os, tempfile
for i in range(10):
    print(os.path.basename(tempfile.mktemp()))' | all_are scratch
}

@test "scratch: who mistypes is told" {
    all_are refused <<'END'
10.0.0.1:99999
10.0.0.1:65536
10.0.0.1:123456789
10.0.0.1:80123456789
10.0.0.1:080
10.0.0.1:0
10.0.0.1
10.0.0.256:80.cfnew
host:
host:.bak
host:~x
:80
:80.cfnew
host:http
web1
web1:http
web1:http.cfnew
web1:8O80
foo
foo.bak
foo-old
web1.example.com
web1.example.com-8080
web_1:80.cfnew
unix:80.cfnew
[::1]
[::1]:
[::1:80
[0::1]:80.cfnew
::1:80
10.0.0.1:80-90
10.0.0.1:8000-8010
10.0.0.1:80-
10.0.0.1:80.
10.0.0.1:80,10.0.0.2:80
10.0.0.1:80 10.0.0.2:80
10.0.0.1:80/tcp
10.0.0.1:80a
10.0.0.1:80abcdef
10.0.0.1:80abcd-fgh
10.0.0.1:8020261324-4711-1ab2c3d
10.0.0.1:8020261124-4711
10.0.0.1:8020261124
20261124-4711-1ab2c3d
host20261124-4711-1ab2c3d
sed
sedAb12Z
sedAb12Zzz
sedan-12
XXa1B2c
tmp
tmpserver1
tmpq-w3rtyu
4914
8080
#
~
.node
.Nodes
.
..
END
}

# ---- .nodes ---------------------------------------------------------------------------------

@test "nodes: sorted, each once, whatever stands around" {
    run text 'web:80\n# a comment\n\n   \t\n  #another: bad:line\n10.0.0.2:80\r\n\t10.0.0.10:80 \t\r\nweb:80\n[2001:db8::1]:443\n10.0.0.2:8080'
    assert_success
    assert_output "10.0.0.10:80
10.0.0.2:80
10.0.0.2:8080
[2001:db8::1]:443
web:80"
}

@test "nodes: nothing is a list of none" {
    for nothing in '' '\n' '\r\n' '# none\n' ' \t \n\n#' '#'; do
        run text "$nothing"
        assert_success
        assert_output ""
    done
}

@test "nodes: the first bad line is named, and how many there are" {
    run -1 text 'a:80\nb:80\nhost:http\nc:80\n'
    assert_output "EINVAL line 3: port must be a number: host:http"
    run -1 text 'z:80\n\n# x\nzz\nb:0\na\na\n'
    assert_output "EINVAL line 4: a node is HOST:PORT: zz (and 3 more bad lines)"
    run -1 text 'a\nb:80\nb'
    assert_output "EINVAL line 1: a node is HOST:PORT: a (and 1 more bad line)"
    run -1 text '10.0.0.1:80 # web1\n'
    assert_output --partial "EINVAL line 1: port must be a number"
    run -1 text '10.0.0.1:80 10.0.0.2:80\n'
    assert_output --partial "EINVAL line 1: "
    run -1 text 'a:80\n10.0.0.1:80\0junk\n'
    assert_output "EINVAL line 2: holds a NUL byte: this is no text"
    run -1 text 'a:80\n\0357\0273\0277b:80\n'
    assert_output --partial "EINVAL line 2: "
    run -1 text 'a:80\rb:80\n'
    assert_output --partial "EINVAL line 1: "
    run -1 text 'a:80\r\r\n'
    assert_output --partial "EINVAL line 1: "
}

@test "nodes: a name that is a node's but for its length is refused" {
    long=$(printf 'a%.0s' {1..63})
    run text "$long.$long.$long.${long:0:61}:65535\n"
    assert_success
    run -1 text "$long.$long.$long.${long:0:62}:65535\n"
    assert_output --partial "EINVAL line 1: "
    run -1 text "a:80\n$(printf 'x%.0s' {1..70000}):80\n"
    assert_output --partial "EINVAL line 2: node name is longer than 259 bytes"
}

@test "nodes: more than 64 MiB is no list" {
    run -1 hashes $((64 * 1024 * 1024 + 1))
    assert_output "EFBIG a list of nodes may have 64 MiB"
    run hashes $((64 * 1024 * 1024))
    assert_success
}

@test "nodes: a million of them, each twice, are a million" {
    run timeout 60 "$CLI" million 1000000
    assert_success
    assert_output 1000000
}

@test "nodes: two sets are equal when they hold the same names" {
    list='b:80\n#\na:80\nb:80\n'
    for case in "equal a:80 b:80" "different a:80" "different a:80 b:80 c:80" "different a:80 b:8" "different"; do
        # shellcheck disable=SC2086  # words are what is wanted
        set -- $case
        assert_equal "$(printf %b "$list" | "$CLI" equals "${@:2}")" "$1"
    done
    assert_equal "$("$CLI" equals </dev/null)" equal
}

# ---- options --------------------------------------------------------------------------------

@test "options: keys and defaults are those of the manual page" {
    "$CLI" options | while read -r name _ fallback; do
        [ "$fallback" = - ] && fallback= || fallback=" Pq $fallback"
        grep -qxE "\.It Ic ([a-z_]+ , )*$name( , [a-z_]+)*$fallback" "$TREE/contrib/man/balancerfs.conf.5" || { echo "$name$fallback"; return 1; }
    done
    assert_equal "$("$CLI" options | wc -l)" 12
}
