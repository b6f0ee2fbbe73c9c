#!/usr/bin/env bats
# What may be deleted: read_only, protected_pools, min_nodes, max_removal. The time is told, so nothing waits.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file() {
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export TREE
    export CLI="${BUILD:-$TREE/build}/tests/control_cli"
}

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
