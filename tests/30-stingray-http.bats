#!/usr/bin/env bats
# How the stingray driver reaches its server, and whom it tells the password: HTTP, TLS, logins, settings.
# shellcheck disable=SC2154  # SERVER and the like come from stingray.bash

load stingray

setup()
{
    server_start server
    state '{"a":{"active":["x:1"],"draining":[],"disabled":[]}}'
}

teardown()
{
    servers_stop
}

# certificate NAME SUBJECT-ALT-NAME [DAYS]: NAME.pem, of the CA ca.pem, with its key.
certificate()
{
    local at=$BATS_FILE_TMPDIR
    [ -e "$at/ca.pem" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -days 30 -keyout "$at/ca.key" -out "$at/ca.pem"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$at/$1.key" -out "$at/$1.csr"
    openssl x509 -req -in "$at/$1.csr" -CA "$at/ca.pem" -CAkey "$at/ca.key" -CAcreateserial -days "${3:-30}" -extfile <(echo "subjectAltName=$2") -out "$at/$1.crt"
    cat "$at/$1.key" "$at/$1.crt" >"$at/$1.pem"
}

# tls_start NAME: before the server; URL is then https.
tls_start()
{
    local log=$BATS_TEST_TMPDIR/tls-$1
    socat -d -d "OPENSSL-LISTEN:0,bind=127.0.0.1,reuseaddr,fork,verify=0,cert=$BATS_FILE_TMPDIR/$1.pem" "TCP:$ADDRESS" 2>"$log" 3>&- &
    echo $! >>"$BATS_TEST_TMPDIR/servers"
    poll grep -q 'listening on' "$log"
    TLS=127.0.0.1:$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$log")
    URL=https://$TLS/soap
}

# pin NAME: the digest of its public key.
pin()
{
    echo "sha256//$(openssl x509 -in "$BATS_FILE_TMPDIR/$1.crt" -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)"
}

setup_file()
{
    {
        certificate good IP:127.0.0.1
        certificate other DNS:other.example
        certificate old IP:127.0.0.1 -1
    } >"$BATS_FILE_TMPDIR/openssl" 2>&1 || { cat "$BATS_FILE_TMPDIR/openssl"; return 1; }
}

@test "TLS: the certificate is checked against ca_file, and only that" {
    tls_start good
    run cli url="$URL" ca_file="$BATS_FILE_TMPDIR/ca.pem" -- nodes a , apply add:a/y:1 , nodes a , probe
    assert_output - <<OUT
a/x:1
a/x:1
a/y:1
$TLS safe ok certificate checked
$TLS pools ok 1, of which 1 are shown
OUT
    run cli url="$URL" -- nodes a , status , probe
    assert_line --regexp "^EACCES $TLS: getNodes: SSL certificate problem: unable to get local issuer certificate \(give ca_file, or the server's key as pinned_key\)\$"
    assert_line --partial "$TLS down $TLS: getNodes: SSL certificate problem"
    assert_line --partial "$TLS pools FAILED $TLS: getPoolNames: SSL certificate problem"
    run cli url="$URL" ca_file=/etc/ssl/certs/ca-certificates.crt -- nodes a
    assert_output --partial EACCES
}

@test "TLS: a wrong name, an old certificate, no TLS at all, plain HTTP to TLS" {
    tls_start other
    run cli url="$URL" ca_file="$BATS_FILE_TMPDIR/ca.pem" -- nodes a
    assert_output --regexp "^EACCES .*no alternative certificate subject name matches"
    tls_start old
    run cli url="$URL" ca_file="$BATS_FILE_TMPDIR/ca.pem" -- nodes a
    assert_output --regexp "^EACCES .*certificate has expired"
    run cli url="http://$TLS/soap" -- nodes a
    assert_failure
    run cli url="https://$ADDRESS/soap" -- nodes a
    assert_output --regexp "^EACCES .*\(does url have the right port, and does it speak TLS 1.2\?\)$"
    run calls 'get.*'
    assert_output 0
}

@test "TLS: a pinned key is enough, is always checked, and does not replace what is asked for" {
    tls_start other
    run cli url="$URL" pinned_key="$(pin other)" -- nodes a , probe
    assert_line a/x:1
    assert_line "$TLS safe ok public key checked"
    run cli url="$URL" pinned_key="$(pin other)" verify=false -- nodes a
    assert_output a/x:1
    for more in verify=true "ca_file=$BATS_FILE_TMPDIR/ca.pem"; do
        run cli url="$URL" pinned_key="$(pin other)" "$more" -- nodes a
        assert_output --regexp "^EACCES "
    done
    : >"$SERVER/log"
    for more in verify=false timeout=20s; do
        run cli url="$URL" pinned_key="$(pin good)" "$more" -- nodes a
        assert_output --regexp "^EACCES .*\(its key is not pinned_key: another server, or a new key\)$"
    done
    run calls
    assert_output 0
}

@test "TLS: unchecked only when told so, and never silently" {
    tls_start other
    run cli url="$URL" verify=false -- nodes a , status
    assert_line a/x:1
    assert_line "warning: verify is false: anybody on the way can pose as the server and read the password"
    run cli url="$URL" verify=false -- probe
    assert_line "$TLS safe ok verify is false: anybody on the way can pose as the server and read the password"
}

@test "a server that refuses connections, or is silent" {
    servers_stop
    run cli -- nodes a , apply add:a/y:1 , pools , status , probe
    assert_line -n 0 --regexp "^ECONNREFUSED $ADDRESS: getNodes: "
    assert_line -n 1 --regexp "^ECONNREFUSED $ADDRESS: getNodes: "
    assert_line -n 2 --regexp "^ECONNREFUSED $ADDRESS: getPoolNames: "
    assert_line -n 3 --regexp "^$ADDRESS down $ADDRESS: getPoolNames: "
    run cli url=http://127.255.255.254:1/soap -- nodes a
    assert_output --regexp "^(ECONNREFUSED|EHOSTUNREACH) "
    run cli -- status
    assert_line "$ADDRESS unknown -"
}

@test "a change that cannot be sent has no unknown outcome" {
    mishap getDisabledNodes deaf
    run cli -- apply add:a/y:1
    assert_output --regexp "^ECONNREFUSED $ADDRESS: addNodes: "
}

@test "logins: right, wrong, with odd characters, and none" {
    for login in admin:secret 'admin:pass:word' 'admin:ü"<&>\ %41' 'a b:secret'; do
        echo "$login" >"$SERVER/login"
        run cli user="${login%%:*}" password="${login#*:}" -- nodes a , apply add:a/x:1
        assert_output a/x:1
        run cli user="${login%%:*}" password=wrong -- nodes a , apply add:a/y:1 , status
        assert_line "EACCES $ADDRESS: getNodes: login as ${login%%:*} is refused (HTTP 401): check user and password"
        assert_line --regexp "^$ADDRESS down $ADDRESS: getNodes: login as .* is refused"
        refute_output --partial wrong
    done
}

@test "a password from a file or a command is asked for again when it is refused" {
    echo admin:first >"$SERVER/login"
    echo first >"$BATS_TEST_TMPDIR/password"
    chmod 600 "$BATS_TEST_TMPDIR/password"
    run cli password_file="$BATS_TEST_TMPDIR/password" -- nodes a
    assert_output a/x:1
    mkfifo "$BATS_TEST_TMPDIR/input"
    echo >"$BATS_TEST_TMPDIR/asked"
    command="echo >>'$BATS_TEST_TMPDIR/asked'; cat '$BATS_TEST_TMPDIR/password'"
    cli password_command="$command" -- nodes a , wait , nodes a , apply add:a/y:1 , nodes a <"$BATS_TEST_TMPDIR/input" >"$BATS_TEST_TMPDIR/output" 3>&- &
    held=$!
    exec 4>"$BATS_TEST_TMPDIR/input"
    poll grep -q a/x:1 "$BATS_TEST_TMPDIR/output"
    echo admin:second >"$SERVER/login"
    echo second >"$BATS_TEST_TMPDIR/password"
    exec 4>&-
    wait "$held"
    run cat "$BATS_TEST_TMPDIR/output"
    assert_output - <<<$'a/x:1\na/x:1\na/x:1\na/y:1'
    run wc -l <"$BATS_TEST_TMPDIR/asked"
    assert_output 3
    run cli password_command=false -- nodes a
    assert_output --regexp "^EACCES password_command has failed"
    chmod 644 "$BATS_TEST_TMPDIR/password"
    run cli password_file="$BATS_TEST_TMPDIR/password" -- nodes a
    assert_output --regexp "^EACCES .*chmod 600 it"
}

@test "neither proxies nor .netrc are used" {
    export http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 all_proxy=http://127.0.0.1:1 HTTP_PROXY=http://127.0.0.1:1 ALL_PROXY=socks5://127.0.0.1:1
    export HOME=$BATS_TEST_TMPDIR
    echo 'default login admin password other' >"$HOME/.netrc"
    echo admin:secret >"$SERVER/login"
    run cli -- nodes a , apply add:a/x:1
    assert_output a/x:1
    run cli password=wrong -- nodes a
    assert_output --partial EACCES
}

@test "a request is as the servers tried understand it" {
    servers_stop
    mkdir -p "$BATS_TEST_TMPDIR/replies"
    cp "$BATS_TEST_DIRNAME"/stingray/replies/soaplite/* "$BATS_TEST_TMPDIR/replies"
    canned_start canned "$BATS_TEST_TMPDIR/replies"
    run cli -- apply add:b/10.0.0.1:80 'add:b/[2001:db8::1]:8080'
    tr -d '\r' <"$SERVER/raw" | sed -n '/addNodes"/,$p' >"$BATS_TEST_TMPDIR/request"
    for line in 'SOAPAction: "http://soap.zeus.com/zxtm/1.0/Pool/addNodes"' '<?xml version="1.0" encoding="UTF-8"?>' \
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:pool="http://soap.zeus.com/zxtm/1.0/Pool/" soap:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><soap:Body><pool:addNodes><names soapenc:arrayType="xsd:string[1]" xsi:type="soapenc:Array"><item xsi:type="xsd:string">b</item></names><values soapenc:arrayType="xsd:anyType[1]" xsi:type="soapenc:Array"><item soapenc:arrayType="xsd:string[2]" xsi:type="soapenc:Array"><item xsi:type="xsd:string">10.0.0.1:80</item><item xsi:type="xsd:string">[2001:db8::1]:8080</item></item></values></pool:addNodes></soap:Body></soap:Envelope>'; do
        grep -qxF "$line" "$BATS_TEST_TMPDIR/request" || { cat "$BATS_TEST_TMPDIR/request"; return 1; }
    done
    run cat "$SERVER/raw"
    assert_output --partial 'POST /soap HTTP/1.1'
    assert_output --partial 'Content-Type: text/xml; charset=utf-8'
    assert_output --partial "Authorization: Basic $(printf admin:secret | base64)"
    refute_output --partial Expect:
    : >"$SERVER/raw"
    cli -- pools
    grep -qF '<soap:Body><pool:getPoolNames/></soap:Body>' "$SERVER/raw"
    cp "$BATS_TEST_DIRNAME/stingray/replies/soaplite/getNodes.none.xml" "$SERVER/../replies/getNodes.c.xml"
    run cli -- apply create:c
    grep -qF '<nodes soapenc:arrayType="xsd:anyType[1]" xsi:type="soapenc:Array"><item soapenc:arrayType="xsd:string[0]" xsi:type="soapenc:Array"/></nodes>' "$SERVER/raw"
}

@test "bad settings are refused with their place and the remedy" {
    while IFS='|' read -r setting text; do
        run cli "$setting" -- status
        assert_failure
        assert_output "EINVAL options:1:1: $text"
    done <<'BAD'
url=traffic.example|url is no URL such as https://HOST:9090/soap
url=ftp://traffic.example/soap|url must begin with https:// (or http://)
url=https://admin:x@traffic.example/soap|url must not hold a login: use user and password
url=https://traffic.example/soap#x|url must not hold a #
user=a:b|user must be a name without a colon
pinned_key=abc|pinned_key must be sha256//BASE64
ca_file=/nonexistent/ca.pem|ca_file /nonexistent/ca.pem: No such file or directory
pool_prefix=a/b|pool_prefix must be ASCII without /
BAD
    run cli password=x password_file=/x -- status
    assert_output "EINVAL options:1:1: password_file stands beside password: give one"
    run "$BUILD/tests/driver_cli" stingray url=http://127.0.0.1:1/ user=x -- status
    assert_output "EINVAL options: balancer test: password, password_file or password_command is missing"
    for backend in zxtm deployment.balancer.zxtm.ZXTMBalancer x.StingrayBalancer; do
        run "$BUILD/tests/driver_cli" $backend url=https://h/soap user=x password=y -- status
        assert_line "h:443 unknown -"
    done
}
