#!/usr/bin/env bats
# The stingray driver against a traffic manager on SOAP::Lite.

load stingray

setup()
{
    server_start server
}

teardown()
{
    servers_stop
}

@test "pools and nodes come and go" {
    run cli -- pools , apply create:empty , apply add:web/10.0.0.1:80 'add:web/[2001:db8::1]:8080' add:web/node.example:81 , pools
    assert_output - <<OUT
empty
web
web/10.0.0.1:80
web/[2001:db8::1]:8080
web/node.example:81
OUT
    assert_success
    run cli -- apply del:web/10.0.0.1:80 , nodes web , apply del:web/node.example:81 'del:web/[2001:db8::1]:8080' , pools , apply remove:web , pools
    assert_output - <<OUT
web/[2001:db8::1]:8080
web/node.example:81
empty
web
empty
OUT
    assert_success
}

@test "what is there already, or not, is no change and no error" {
    cli -- apply add:web/a:80
    run cli -- apply add:web/a:80 create:web , nodes web , apply del:web/b:80 del:none/b:80 remove:none , nodes none , pools
    assert_output - <<OUT
web/a:80
web
web/a:80
OUT
    assert_success
    run calls '(add|remove|disable|delete|enable).*'
    assert_output 1
}

@test "a whole listing takes two calls" {
    state '{"a":{"active":["x:1"],"draining":["y:2"],"disabled":["z:3"]},"b":{"active":[],"draining":[],"disabled":[]}}'
    run cli -- pools
    assert_output - <<OUT
a
a/x:1
a/y:2
b
OUT
    run calls
    assert_output 2
}

@test "a pool goes between the two calls of a listing" {
    state '{"a":{"active":["x:1"],"draining":[],"disabled":[]},"b":{"active":[],"draining":[],"disabled":[]}}'
    mishap getNodes other remove b
    run cli -- pools
    assert_output - <<OUT
a
a/x:1
OUT
    assert_success
}

@test "lists that are not as many as the pools are an error, not emptiness" {
    state '{"a":{"active":["x:1"],"draining":[],"disabled":[]}}'
    for command in pools "nodes a" "apply remove:a"; do
        mishap getNodes rows
        # shellcheck disable=SC2086  # words are wanted
        run cli -- $command
        assert_failure
        assert_output --regexp "^EREMOTEIO 127.0.0.1:[0-9]*: getNodes: the reply has 2 lists for (1 pools|one pool)\$"
    done
}

@test "only pools with the prefix are seen, without it" {
    state '{"vr-a":{"active":["x:1"],"draining":[],"disabled":[]},"b":{"active":["y:1"],"draining":[],"disabled":[]},"vr-":{"active":[],"draining":[],"disabled":[]}}'
    run cli pool_prefix=vr- -- pools , nodes a , nodes b , apply add:b/z:1 , apply create:c
    assert_output - <<OUT
a
a/x:1
refused: 1
a/x:1
OUT
    assert_success
    run nodes b active
    assert_output y:1
    run nodes vr-b active
    assert_output z:1
    run nodes vr-c active
    assert_output ""
}

@test "a pool in use is EBUSY, one with nodes ENOTEMPTY, before anything is changed" {
    state '{"a":{"active":[],"draining":[],"disabled":[]},"b":{"active":["x:1"],"draining":[],"disabled":[]}}'
    echo a >"$SERVER/in_use"
    run cli -- apply remove:a
    assert_failure
    assert_output --regexp "^EBUSY pool a is in use: 127.0.0.1:[0-9]*: deletePool: Pool 'a' is in use by virtual server 'shop'\$"
    run cli -- apply add:c/x:1 remove:b
    assert_output "ENOTEMPTY pool b has nodes: x:1"
    run cli -- apply del:b/x:1 remove:b , pools
    assert_output a
}

@test "a disabled node is not listed; it is enabled by adding and removed by deleting it, and a pool with it is not empty" {
    state '{"a":{"active":["x:1"],"draining":[],"disabled":["y:1","z:1"]}}'
    run cli -- nodes a , apply add:a/y:1 , nodes a , apply del:a/z:1 del:a/x:1 del:a/y:1 , nodes a
    assert_output - <<OUT
a/x:1
a/x:1
a/y:1
OUT
    assert_success
    run calls disableNodes
    assert_output 0
    state '{"a":{"active":[],"draining":[],"disabled":["y:1"]}}'
    run cli -- apply remove:a
    assert_output "ENOTEMPTY pool a has nodes: y:1 (some are disabled: add them and delete them)"
    run nodes a disabled
    assert_output y:1
}

@test "IPv6 addresses are compared as addresses" {
    mode expand6
    run cli -- apply 'add:a/[2001:db8::1]:80' , nodes a , apply 'add:a/[2001:db8::1]:80' , nodes a , apply 'del:a/[2001:db8::1]:80' , nodes a
    assert_output - <<OUT
a/[2001:db8::1]:80
a/[2001:db8::1]:80
OUT
    assert_success
    run grep -c 2001:0DB8:0000 "$SERVER/log"
    assert_output 1
    run calls addNodes
    assert_output 0
}

@test "what every driver promises is kept" {
    state '{"vr-mine":{"active":["10.0.0.1:80"],"draining":[],"disabled":[]},"other":{"active":[],"draining":[],"disabled":[]}}'
    printf 'BALANCERS:\n  lb: {BACKEND: deployment.balancer.zxtm.ZXTMBalancer, URL: "http://%s/soap", USER: admin, PASSWORD: secret, POOL_PREFIX: vr-, GRACE_PERIOD: 500ms}\n' "$ADDRESS" >"$BATS_TEST_TMPDIR/balancers.yaml"
    chmod 600 "$BATS_TEST_TMPDIR/balancers.yaml"
    run timeout 300 "$BATS_TEST_DIRNAME/conformance" "$BATS_TEST_TMPDIR/balancers.yaml" lb
    assert_success
    assert_line --regexp '^[0-9]+ promises kept, 0 broken$'
    run cat "$SERVER/state"
    assert_output '{"other":{"active":[],"disabled":[],"draining":[]},"vr-mine":{"active":["10.0.0.1:80"],"disabled":[],"draining":[]}}'
}
