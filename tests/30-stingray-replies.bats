#!/usr/bin/env bats
# Replies as other SOAP servers write them, and as none should: tests/stingray/replies.
# shellcheck disable=SC2154  # SERVER and the like come from stingray.bash

bats_require_minimum_version 1.5.0
load stingray

replies=$BATS_TEST_DIRNAME/stingray/replies

teardown()
{
    servers_stop
}

# A server that answers with what is in $SERVER/replies.
bad_start()
{
    mkdir -p "$BATS_TEST_TMPDIR/bad/replies"
    cp "$replies"/bad/*.xml "$BATS_TEST_TMPDIR/bad/replies"
    canned_start bad "$BATS_TEST_TMPDIR/bad/replies"
}

how()
{
    echo "$*" >"$SERVER/how"
}

@test "every dialect is understood" {
    for dialect in appliance axis gsoap old php soaplite; do
        canned_start $dialect "$replies/$dialect"
        run cli -- pools , nodes none , nodes b , apply remove:b , apply create:none , apply add:b/x:1
        assert_line -n 0 a
        assert_line -n 1 a/10.0.0.1:80
        assert_line -n 2 'a/[2001:db8::1]:8080'
        assert_line -n 3 b
        assert_line -n 4 "EBUSY pool b is in use: $ADDRESS: deletePool: Pool 'b' is in use by shop"
        assert_line -n 5 "EREMOTEIO $ADDRESS: addPool: Pool 'none' already exists"
        assert_line -n 6 "EREMOTEIO $ADDRESS: addNodes: Cannot apply"
        assert_equal "${#lines[@]}" 7
        # getNodes after addPool says that there is none: so it is asked, and asked, but not for ever.
        run calls addPool
        assert_output 1
        servers_stop
    done
}

@test "what is no proper reply is an error, not emptiness" {
    bad_start
    run cli -- pools
    assert_output - <<<$'a\na/10.0.0.1:80'
    for file in "$replies"/bad/getNodes/*.xml; do
        echo "# $file"
        cp "$file" "$SERVER/replies/getNodes.xml"
        for command in pools "nodes a" "apply add:a/x:1"; do
            # shellcheck disable=SC2086  # words are wanted
            run cli -- $command
            [ "$status" -eq 1 ]
            assert_equal "${#lines[@]}" 1
            assert_output --regexp "^EREMOTEIO $ADDRESS: getNodes: the reply (is|has) ."
        done
    done
    run calls addNodes
    assert_output 0
}

@test "each error says what is wrong" {
    bad_start
    while read -r file text; do
        cp "$replies/bad/getNodes/$file.xml" "$SERVER/replies/getNodes.xml"
        run cli -- nodes a
        assert_output "EREMOTEIO $ADDRESS: getNodes: the reply $text"
    done <<'WHAT'
doctype has a DOCTYPE, which SOAP forbids
entity-file has a DOCTYPE, which SOAP forbids
entity-laughs has a DOCTYPE, which SOAP forbids
empty is empty
not-soap is not a SOAP envelope with a body
other-answer is not one to getNodes
nil-answer has no result in it
text-for-array has text where an array must be: 10.0.0.1:80
string-for-row has a string where an array must be
wrong-count has an array of 2 with 1 in it
no-rows has 0 lists for one pool
href-circle has a reference that leads nowhere
href-twice has an id twice
href-laughs has too many strings
WHAT
}

@test "a cut, slow or endless reply is an error within the time" {
    bad_start
    while read -r way expected; do
        how "$way"
        run cli timeout=2s -- nodes a
        [ "$status" -eq 1 ]
        assert_output --regexp "^$expected"
    done <<WAYS
cut:0 EIO $ADDRESS: getNodes:
cut:200 EIO $ADDRESS: getNodes:
cut_chunks:300 EIO $ADDRESS: getNodes:
close:0 EREMOTEIO $ADDRESS: getNodes: the reply is empty
close:200 EREMOTEIO $ADDRESS: getNodes: the reply is not XML
drip ETIMEDOUT $ADDRESS: getNodes:
silent ETIMEDOUT $ADDRESS: getNodes:
garbage (EIO|EREMOTEIO) $ADDRESS: getNodes:
endless EREMOTEIO $ADDRESS: getNodes: the reply is longer than 16777216 bytes
giant:17000000 EREMOTEIO $ADDRESS: getNodes: the reply is longer than 16777216 bytes
WAYS
    how giant:12000000
    run cli -- nodes a
    assert_output --regexp "^(a/10.0.0.1:80|EREMOTEIO $ADDRESS: getNodes: the reply is not XML)"
    how header:60000
    run cli -- nodes a
    assert_output a/10.0.0.1:80
    how header:2000000
    run cli -- nodes a
    [ "$status" -eq 1 ]
}

@test "redirects are not followed" {
    bad_start
    target=$ADDRESS
    canned_start other "$replies/bad"
    how "redirect:http://$target/soap"
    run cli -- nodes a
    assert_output "EREMOTEIO $ADDRESS: getNodes: HTTP 302: redirects are not followed: correct url"
    [ ! -e "$BATS_TEST_TMPDIR/bad/log" ]
}

@test "a fault counts whatever the status, a result only with 200" {
    bad_start
    for code in 201 202 400 404 500; do
        how status:$code
        run cli -- nodes a
        assert_output --regexp "^EREMOTEIO $ADDRESS: getNodes: HTTP $code without a SOAP fault"
    done
    cp "$replies/gsoap/getNodes.none.xml" "$SERVER/replies/getNodes.xml"
    for code in 200 400 500; do
        how status:$code
        run cli -- nodes none
        assert_output ""
        assert_success
    done
    for code in 401 403; do
        how status:$code
        run cli -- nodes a
        assert_output "EACCES $ADDRESS: getNodes: login as admin is refused (HTTP $code): check user and password"
    done
}

@test "a reading is asked again on a new connection when a kept one is closed" {
    bad_start
    how idle
    run cli -- nodes a , nodes a , nodes a
    assert_output - <<<$'a/10.0.0.1:80\na/10.0.0.1:80\na/10.0.0.1:80'
}

@test "names that cannot be shown are counted, and a fault's control characters are not passed on" {
    bad_start
    perl -pi -e 's/\[1\]/[5]/; s{(<item .*</item>)}{$1<item xsi:type="xsd:base64Binary">d2ViMQ==</item><item xsi:type="xsd:base64Binary">d2Vi</item><item>caf\xc3\xa9</item><item xsi:type="xsd:int">42</item>}' "$SERVER/replies/getPoolNames.xml"
    perl -pi -e 's/Array\[1\]/Array[2]/; s{(<item soapenc:arrayType.*</item>)</nodes>}{$1<item/></nodes>}' "$SERVER/replies/getNodes.xml"
    run cli -- pools
    assert_output - <<OUT
42
a
a/10.0.0.1:80
refused: 3
OUT
    perl -pe "s/Unknown pool/One\ntwo&#9;three/" "$replies/soaplite/getNodes.none.xml" | sed 's/ObjectDoesNotExist/Other/g' >"$SERVER/replies/getNodes.xml"
    run cli -- nodes a
    assert_output "EREMOTEIO $ADDRESS: getNodes: One two three 'none'"
}
