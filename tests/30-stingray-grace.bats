#!/usr/bin/env bats
# Deleted nodes of the stingray driver between their disabling and their removal.
# shellcheck disable=SC2154  # SERVER and the like come from stingray.bash

load stingray

setup()
{
    server_start server
    state '{"web":{"active":["a:80","b:80"],"draining":["d:80"],"disabled":["off:80"]}}'
    mkfifo "$BATS_TEST_TMPDIR/input"
}

teardown()
{
    exec 4>&-
    servers_stop
}

# cli_hold [KEY=VALUE]... -- COMMAND...: in the background; held by `, wait` until cli_end.
cli_hold()
{
    local command
    cli_command "$@"
    "${command[@]}" <"$BATS_TEST_TMPDIR/input" >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- 4>&- &
    held=$!
    exec 4>"$BATS_TEST_TMPDIR/input"
}

# cli_end: sets output, lines and status, as run does.
cli_end()
{
    status=0
    exec 4>&-
    wait "$held" || status=$?
    output=$(cat "$BATS_TEST_TMPDIR/output")
    # shellcheck disable=SC2034  # for assert_line
    mapfile -t lines <"$BATS_TEST_TMPDIR/output"
}

is_gone()
{
    ! grep -q "\"$1\"" "$SERVER/state"
}

@test "a deleted node is disabled and not listed, and other changes do not wait" {
    run cli grace_period=1h -- apply del:web/a:80 , nodes web , apply add:web/c:80 , apply create:other , status , apply add:web/a:80 , nodes web
    assert_output - <<OUT
web/b:80
web/d:80
$ADDRESS up -
url: http://$ADDRESS/soap
warning: url is http: the password can be read by anybody on the way
waiting_for_removal: 1
web/a:80
web/b:80
web/c:80
web/d:80
OUT
    assert_success
    # Added again, it is not removed at the end either.
    run nodes web active
    assert_output - <<OUT
a:80
b:80
c:80
OUT
    run calls removeNodes
    assert_output 0
    run calls enableNodes
    assert_output 1
}

@test "it is removed when the time is over, without another call of ours" {
    cli_hold grace_period=0.1s -- apply del:web/a:80 del:web/d:80 , wait , nodes web , status
    poll is_gone a:80
    is_gone d:80
    cli_end
    assert_output - <<OUT
web/b:80
$ADDRESS up -
url: http://$ADDRESS/soap
warning: url is http: the password can be read by anybody on the way
OUT
    run calls disableNodes
    assert_output 1
    run calls removeNodes
    assert_output 1
    run nodes web disabled
    assert_output off:80
}

@test "each has its own time" {
    cli_hold grace_period=1s -- apply del:web/a:80 , wait , apply del:web/b:80 , wait
    poll grep -q disableNodes "$SERVER/log"
    echo >&4
    poll is_gone a:80
    poll is_gone b:80
    cli_end
    assert_success
}

@test "one that somebody else has enabled meanwhile stays" {
    cli_hold grace_period=2s -- apply del:web/a:80 del:web/b:80 , wait , nodes web
    poll grep -q disableNodes "$SERVER/log"
    mishap getDisabledNodes other enable web a:80
    poll is_gone b:80
    cli_end
    assert_output - <<OUT
web/a:80
web/d:80
OUT
    run nodes web active
    assert_output a:80
}

@test "one that is listed though it was disabled is not shown, unless it is enabled" {
    mode lists_disabled
    run cli grace_period=1h -- apply del:web/a:80 , nodes web , pools , apply remove:web , apply add:web/a:80
    assert_output - <<OUT
web/b:80
web/d:80
web/off:80
web
web/b:80
web/d:80
web/off:80
ENOTEMPTY pool web has nodes: b:80 d:80 off:80 (some are disabled: add them and delete them)
OUT
}

@test "the end finishes what is waiting" {
    cli grace_period=0.1s -- apply del:web/a:80
    is_gone a:80
}

@test "the end does not wait for a long grace period, nor for a server that is gone" {
    start=$SECONDS
    cli grace_period=1h -- apply del:web/a:80
    is_gone a:80
    state '{"web":{"active":["a:80","b:80"],"draining":[],"disabled":[]}}'
    cli_hold grace_period=1h -- apply del:web/a:80 , wait
    poll grep -q '"disabled":."a:80' "$SERVER/state"
    servers_stop
    cli_end
    [ $((SECONDS - start)) -lt 40 ]
}

@test "the last node goes without a grace period where the server wants it so" {
    mode keep_one
    state '{"web":{"active":["a:80"],"draining":[],"disabled":[]}}'
    run cli grace_period=1h -- apply del:web/a:80 , pools
    assert_output web
    assert_success
    is_gone a:80
    # It may not say so in a fault of a type, either.
    mode
    state '{"web":{"active":["a:80"],"draining":[],"disabled":[]}}'
    mishap disableNodes plain
    run cli grace_period=1h -- apply del:web/a:80 , pools
    assert_output web
    assert_success
    is_gone a:80
}

@test "a pool can be removed with what is in its grace period" {
    for how in "" empties_first; do
        mode $how
        state '{"web":{"active":["a:80"],"draining":[],"disabled":[]}}'
        run cli grace_period=1h -- apply del:web/a:80 , apply remove:web , pools
        assert_output ""
        assert_success
        state '{"web":{"active":["a:80"],"draining":[],"disabled":[]}}'
        run cli grace_period=1h -- apply del:web/a:80 remove:web , pools
        assert_output ""
        assert_success
    done
    state '{"web":{"active":["a:80"],"draining":[],"disabled":[]}}'
    echo web >"$SERVER/in_use"
    run cli grace_period=0.1s -- apply del:web/a:80 remove:web , nodes web
    assert_output --partial "EBUSY pool web is in use"
    assert_line web/a:80
    run nodes web active
    assert_output a:80
}

@test "a removal that fails is tried again" {
    mishap removeNodes http500
    cli_hold grace_period=0.1s -- apply del:web/a:80 , wait , status
    poll is_gone a:80
    cli_end
    assert_success
    assert_line "$ADDRESS up $ADDRESS: removeNodes: HTTP 500 without a SOAP fault"
    run calls removeNodes
    assert_output 2
}

@test "what a killed driver leaves can be added and deleted" {
    cli_hold grace_period=1h -- apply del:web/a:80 del:web/b:80 , wait
    poll grep -q '"disabled":."off:80","a:80","b:80"' "$SERVER/state"
    kill -9 "$held"
    wait "$held" || true
    exec 4>&-
    run cli -- nodes web , apply add:web/a:80 , apply del:web/b:80 , nodes web
    assert_output - <<OUT
web/d:80
web/a:80
web/d:80
OUT
    is_gone b:80
}
