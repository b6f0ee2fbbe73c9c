#!/usr/bin/env bats
# The stingray driver when calls fail, are lost, or somebody else is faster: all of a change or nothing, and the truth.
# shellcheck disable=SC2154  # ADDRESS and the like come from stingray.bash

load stingray

setup()
{
    server_start server
    state '{"a":{"active":["x:1","w:1"],"draining":["d:1"],"disabled":["off:1"]},"b":{"active":["y:1"],"draining":[],"disabled":[]}}'
}

teardown()
{
    servers_stop
}

# The state is as it was at the start.
assert_untouched()
{
    run nodes a active
    assert_output - <<<$'w:1\nx:1'
    run nodes a draining
    assert_output d:1
    run nodes a disabled
    assert_output off:1
    run nodes b active
    assert_output y:1
    run grep -oE '"[a-z]+":\{' "$SERVER/state"
    assert_output - <<<$'"a":{\n"b":{'
}

@test "a refused change is EREMOTEIO with the server's words, and nothing is changed" {
    mishap addNodes fault InvalidInput
    run cli -- apply add:a/z:1
    assert_failure
    assert_output "EREMOTEIO $ADDRESS: addNodes: a InvalidInput, as was asked for"
    mishap addNodes plain
    run cli -- apply add:a/z:1
    assert_output "EREMOTEIO $ADDRESS: addNodes: Something went wrong"
    mishap addPool fault InvalidObjectName
    run cli -- apply add:c/z:1 , status
    assert_line "EREMOTEIO $ADDRESS: addPool: a InvalidObjectName, as was asked for"
    assert_line "$ADDRESS up $ADDRESS: addPool: a InvalidObjectName, as was asked for"
    assert_untouched
}

@test "what came before a refusal is undone, over pools" {
    mishap disableNodes fault ObjectInUse
    run cli grace_period=1h -- apply del:a/x:1 add:b/x:1 add:c/n:1
    assert_failure
    assert_output --regexp '^EBUSY'
    assert_untouched
    mishap removeNodes plain
    run cli -- apply add:a/off:1 add:c/n:1 del:b/y:1
    assert_output "EREMOTEIO $ADDRESS: removeNodes: Something went wrong"
    assert_untouched
    # Removed without a grace period, then put back; one that was draining drains again.
    echo b >"$SERVER/in_use"
    run cli -- apply del:b/y:1 remove:b
    assert_output --regexp '^EBUSY'
    assert_untouched
    run cli grace_period=1h -- apply del:a/d:1 del:a/x:1 del:a/off:1 del:b/y:1 remove:b
    assert_output --regexp '^EBUSY'
    assert_untouched
}

@test "a change that was stored but is not in force is undone" {
    mishap addNodes fault_after DeploymentError
    run cli -- apply add:a/z:1
    assert_output "EREMOTEIO $ADDRESS: addNodes: a DeploymentError, as was asked for"
    mishap disableNodes fault_after DeploymentError
    run cli grace_period=1h -- apply del:a/x:1
    assert_output "EREMOTEIO $ADDRESS: disableNodes: a DeploymentError, as was asked for"
    mishap addPool fault_after DeploymentError
    run cli -- apply create:c
    assert_output "EREMOTEIO $ADDRESS: addPool: a DeploymentError, as was asked for"
    assert_untouched
}

@test "a refusal of what is done all the same is none" {
    mishap addNodes fault_after InvalidInput
    run cli -- apply add:a/z:1
    assert_success
    run nodes a active
    assert_line z:1
}

@test "when undoing fails too it is EIO, which says so" {
    mishap removeNodes plain
    mishap removeNodes fault InvalidInput
    run cli -- apply add:b/z:1 del:a/x:1
    assert_output "EIO $ADDRESS: removeNodes: Something went wrong; and what was done is not put back: $ADDRESS: removeNodes: a InvalidInput, as was asked for"
}

@test "a lost answer: what is done is done, without a second call" {
    for how in drop_after http500_after "status 503" "after 3"; do
        state '{"a":{"active":["x:1"],"draining":[],"disabled":[]}}'
        : >"$SERVER/log"
        mishap addNodes "$how"
        run cli timeout=3s -- apply add:a/z:1
        if [ "$how" = "status 503" ]; then
            assert_output --regexp '^EIO pool a: .*HTTP 503.*; it is not done now, and may yet be$'
        else
            assert_output ""
            assert_success
        fi
        run calls addNodes
        assert_output 1
    done
}

@test "a lost call: EIO, without a second call" {
    for how in drop http500 "before 3"; do
        for change in add:a/z:1 del:a/x:1 create:c; do
            : >"$SERVER/log"
            mishap "$(case $change in add*) echo addNodes ;; del*) echo removeNodes ;; *) echo addPool ;; esac)" "$how"
            run cli timeout=2s -- apply $change
            assert_failure
            assert_output --regexp '^EIO pool [ac]: .*; it is not done now, and may yet be$'
            run calls '(addNodes|removeNodes|addPool)'
            assert_output 1
        done
        if [ "$how" != "before 3" ]; then assert_untouched; fi
    done
}

@test "a lost answer and then nobody to ask: EIO, and what can be undone is" {
    mishap addNodes drop_after
    mishap getNodes ok
    mishap getNodes status 404
    run cli -- apply add:a/z:1
    assert_failure
    assert_output --regexp '^EIO pool a: .* server; what has become of it is unknown$'
    assert_untouched
}

@test "somebody else is faster: pools" {
    mishap addPool other create c
    run cli -- apply add:c/n:1 , nodes c
    assert_output c/n:1
    mishap addPool other create e
    run cli -- apply create:e , nodes e
    assert_output ""
    assert_success
    mishap addNodes other remove b
    run cli -- apply add:b/n:1 , nodes b
    assert_output b/n:1
    mishap deletePool other remove e
    run cli -- apply remove:e
    assert_success
    mishap removeNodes other remove c
    run cli -- apply del:c/n:1
    assert_success
    mishap getDisabledNodes other remove b
    run cli -- apply del:b/n:1
    assert_success
}

@test "somebody else is faster: nodes" {
    mishap removeNodes other del a x:1
    run cli -- apply del:a/x:1 del:a/w:1 , nodes a
    assert_output a/d:1
    mishap enableNodes other del a off:1
    run cli -- apply add:a/off:1 , nodes a
    assert_output - <<<$'a/d:1\na/off:1'
    mishap disableNodes other del a d:1
    run cli grace_period=1h -- apply del:a/d:1 , nodes a
    assert_output a/off:1
    mishap addNodes other disable b z:1
    run cli -- apply add:b/z:1
    assert_success
}

@test "somebody else is faster for ever: given up" {
    for i in 1 2 3 4 5 6 7; do
        mishap addPool other create c
        mishap addNodes other remove c
    done
    run cli -- apply add:c/n:1
    assert_failure
    assert_output --regexp '^EREMOTEIO .*(already exists|Unknown pool)'
    run calls
    [ "$output" -lt 40 ]
}

@test "many nodes at once" {
    changes=()
    for i in {1..1500}; do changes+=("add:big/n$i.example:80"); done
    run cli -- apply "${changes[@]}" , apply "${changes[@]/add/del}" , pools
    assert_success
    assert_line big
    refute_line --partial big/
    run calls '(addPool|removeNodes)'
    assert_output 2
}

@test "two at once lose nothing" {
    for name in one two three; do
        cli -- loop shared $name 20 >"$BATS_TEST_TMPDIR/$name" 2>&1 3>&- &
        eval "$name=$!"
    done
    wait "$one" && wait "$two" && wait "$three" || { cat "$BATS_TEST_TMPDIR"/{one,two,three}; return 1; }
    run nodes shared active
    assert_output - <<<"$(for name in one two three; do for i in {1..19..2}; do echo "$name-$i.example:80"; done; done | LC_ALL=C sort)"
}
