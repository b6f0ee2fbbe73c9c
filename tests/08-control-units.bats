#!/usr/bin/env bats
# The pure modules around the file system: names of temporaries, lists of nodes, guard rails, the log, the status.

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

# ---- guard rails ----------------------------------------------------------------------------

# guard SETTING... : what the guard says to the lines of standard input, a line each, without the sentence.
guard() {
    "$CLI" guard "$@" | sed 's/ .*//' | tr '\n' ' '
}

# removes SAID SETTING... <<< "POOL N ADDED POOL_SIZE ALL_SIZE NOW" lines
removes() {
    assert_equal "$(sed 's/^/remove /' | guard "${@:2}")" "$1 "
}

@test "guard: off by default" {
    assert_equal "$(printf 'change app\nremove app 10 0 10 10 0\n' | guard)" "ok ok "
}

@test "guard: read_only and protected_pools" {
    run "$CLI" guard read_only=yes <<<"change app"
    assert_output "EROFS balancer web is read-only (read_only)"
    run "$CLI" guard protected_pools=pay protected_pools=auth <<<"change pay"
    assert_output "EPERM pool pay is protected (protected_pools)"
    assert_equal "$(printf 'change %s\n' pay auth pa pays app | guard protected_pools=pay protected_pools=auth)" "EPERM EPERM ok ok ok "
}

@test "guard: min_nodes" {
    # from 3 to 2, to 1; at once; a swap; too much even with an addition; beyond what is there
    removes "ok EPERM EPERM ok EPERM EPERM" min_nodes=2 <<'END'
app 1 0 3 9 0
app 1 0 2 9 0
app 3 0 3 9 0
app 2 2 2 9 0
app 2 1 2 9 0
app 9 0 3 9 0
END
    # A pool that is too small already can be mended, and emptied never.
    removes "ok ok EPERM ok" min_nodes=5 <<'END'
app 1 1 2 2 0
app 1 3 2 2 0
app 2 1 2 2 0
app 0 0 2 2 0
END
    run "$CLI" guard min_nodes=2 <<<"remove app 1 0 2 9 0"
    assert_output "EPERM min_nodes 2: deleting 1 of the 2 nodes of pool app would leave 1; add nodes first"
}

@test "guard: an absolute max_removal, of a pool and of the balancer" {
    removes "ok ok EPERM EPERM ok" max_removal=3/60s <<'END'
app 2 0 10 100 1000
app 1 0 8 98 2000
app 1 0 7 97 3000
api 1 0 50 97 3000
app 3 0 7 97 70000
END
    removes "EPERM ok" max_removal=3/60s <<'END'
app 4 9 10 100 0
app 3 0 10 100 0
END
}

@test "guard: a percentage is of what there is and what is gone" {
    # 5 of 10, however they go; the sixth not.
    for i in 1 2 3 4 5 6; do echo "app 1 0 $((11 - i)) $((1011 - i)) $i"; done | removes "ok ok ok ok ok EPERM" max_removal=50%/60s
    removes "EPERM ok" max_removal=50%/60s <<'END'
app 6 0 10 1000 0
app 5 0 10 1000 0
END
    # rounded down, but one may always go
    removes "ok EPERM" max_removal=50%/60s <<'END'
app 1 0 3 1000 0
app 1 0 2 999 1
END
    removes "ok EPERM" max_removal=1%/60s <<'END'
app 1 0 1 1 0
app 1 0 5 5 1
END
    # 100% is everything
    removes "ok ok" max_removal=100%/60s <<'END'
app 9 0 10 10 0
app 1 0 1 1 1
END
}

@test "guard: what a change adds counts as there, as it does when added before" {
    removes "ok EPERM" max_removal=50%/60s <<'END'
app 10 10 10 1000 0
api 10 9 10 1000 0
END
    removes "ok" max_removal=50%/60s <<<"app 10 0 20 1000 0"
}

@test "guard: the balancer has the same limit over its pools" {
    # 2 pools of 2 and 2: half of 4 may go, not half of each and then more
    removes "ok ok EPERM" max_removal=50%/60s <<'END'
a 1 0 2 4 0
b 1 0 2 3 1
c 1 0 1 2 2
END
    run "$CLI" guard max_removal=50%/60s <<'END'
remove a 2 0 4 5 0
remove b 1 0 1 3 500
END
    assert_line -n 1 "EPERM max_removal 50%/60s: 2 deleted of the balancer within the time and 1 more are too many, 2 may go; try again in 61 s, or add nodes first"
}

@test "guard: what is refused is not counted" {
    removes "EPERM EPERM ok EPERM" max_removal=2/60s <<'END'
app 3 0 10 10 0
app 3 0 10 10 0
app 2 0 10 10 0
app 1 0 8 8 0
END
    removes "EPERM ok" max_removal=2/60s min_nodes=9 <<'END'
app 2 0 10 100 0
api 2 0 11 100 0
END
}

@test "guard: the window slides" {
    # one each 10 s; what left 60 s ago (and a 64th) is forgotten, one by one
    removes "ok ok ok EPERM EPERM ok EPERM EPERM ok ok EPERM" max_removal=3/60s <<'END'
app 1 0 90 90 0
app 1 0 90 90 10000
app 1 0 90 90 20000
app 1 0 90 90 30000
app 1 0 90 90 59999
app 1 0 90 90 61000
app 1 0 90 90 62000
app 1 0 90 90 69999
app 1 0 90 90 71000
app 1 0 90 90 81000
app 1 0 90 90 82000
END
    run "$CLI" guard max_removal=3/60s <<'END'
remove app 2 0 90 90 0
remove app 1 0 90 90 30000
remove app 2 0 90 90 31000
remove app 4 0 90 90 31000
END
    assert_line -n 2 "EPERM max_removal 3/60s: 3 deleted of pool app within the time and 2 more are too many, 3 may go; try again in 30 s"
    assert_line -n 3 --partial "delete fewer at a time"
}

@test "guard: a removal that did not happen is taken back" {
    removes_and_refunds="remove app 2 0 10 10 0
remove app 1 0 10 10 100
refund app 2 0
remove app 2 0 10 10 200
remove app 1 0 8 8 201
refund none 5 200"
    assert_equal "$(guard max_removal=2/60s <<<"$removes_and_refunds")" "ok EPERM ok ok EPERM ok "
    # One that is taken back after it left the window must not take another's place.
    assert_equal "$(guard max_removal=2/60s <<'END'
remove app 2 0 10 10 0
remove app 2 0 10 10 62000
refund app 2 0
remove app 1 0 10 10 63000
END
    )" "ok ok ok EPERM "
    # Exactly that one is taken back: the other counts from its own time.
    assert_equal "$(guard max_removal=2/60s <<'END'
remove app 1 0 10 10 0
remove app 1 0 10 10 50000
refund app 1 0
remove app 2 0 10 10 61000
remove app 1 0 10 10 61000
END
    )" "ok ok ok EPERM ok "
    # Told by the present, the oldest goes.
    assert_equal "$(guard max_removal=2/60s <<'END'
remove app 1 0 10 10 0
remove app 1 0 10 10 20000
refund app 1 55000
remove app 1 0 10 10 55000
remove app 1 0 10 10 61000
END
    )" "ok ok ok ok EPERM "
}

@test "guard: bad settings are refused where they stand" {
    for bad in 50% 50 /60s 50%/ 50%/x 0/60s 0%/60s 101%/60s -1/60s 5/0 5/0s 5//60s 5%%/60s 50/60s/ ' 5/60s' 99999999999999999999/60s five/60s ''; do
        run -1 "$CLI" guard "max_removal=$bad" </dev/null
        assert_output "EINVAL conf:1:1: max_removal must be like 50%/60s or 5/60s (1 and up): $bad"
    done
    for good in 50%/60s 5/60s 1/500ms 100%/1h 5/2m 5/60 5/0.5; do
        run "$CLI" guard "max_removal=$good" </dev/null
        assert_success
    done
    run -1 "$CLI" guard protected_pools=-x </dev/null
    assert_output --partial "EINVAL conf:1:1: protected_pools: pool name must begin with a letter or digit: -x"
}

@test "guard: never more than an exact window allows, and hardly less" {
    run python3 "$TREE/tests/08-control-units/guard_model.py" "$CLI"
    assert_success
}

@test "guard: many removals and many pools" {
    # 200,000 pools, one removal each, over hours: only those of the last seconds may be remembered.
    local memory=100000
    [ "${TEST_KIND:-plain}" = plain ] || memory=unlimited
    seq 1 200000 | awk '{ printf "remove p%d 1 0 1000 100000000 %d\n", $1, $1 * 50 }' >"$BATS_TEST_TMPDIR/script"
    ulimit -S -v "$memory"
    guard max_removal=50%/10s <"$BATS_TEST_TMPDIR/script" | tr ' ' '\n' | sort | uniq -c >"$BATS_TEST_TMPDIR/said"
    run sed '/^ *1 $/d' "$BATS_TEST_TMPDIR/said"
    assert_success
    assert_output --regexp '^ *200000 ok$'
}

# ---- options --------------------------------------------------------------------------------

@test "options: keys and defaults are those of the manual page" {
    "$CLI" options | while read -r name _ fallback; do
        [ "$fallback" = - ] && fallback= || fallback=" Pq $fallback"
        grep -qxE "\.It Ic ([a-z_]+ , )*$name( , [a-z_]+)*$fallback" "$TREE/contrib/man/balancerfs.conf.5" || { echo "$name$fallback"; return 1; }
    done
    assert_equal "$("$CLI" options | wc -l)" 12
}
