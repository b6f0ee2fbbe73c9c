#!/usr/bin/env bats
# The varnish driver on three real hosts: files, includes, and what requests through Varnish get.
# shellcheck disable=SC2154,SC2016,SC2054  # HOST_ and the like come from lab_env; what is quoted is for the hosts; a comma is a word

bats_require_minimum_version 1.5.0
load lab
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start v1:varnish v2:varnish v3:varnish -- n1 n2 n3
    export CLI=${BUILD:-$BATS_TEST_DIRNAME/../build}/tests/driver_cli
}

teardown_file()
{
    lab_stop
}

# Every test begins with hosts without pools.
setup()
{
    on_all sh -c 'rm -f /etc/varnish/pool-*.vcl; : >/etc/varnish/pools.vcl; lab-route'
}

# What asks meanwhile ends.
teardown()
{
    rm -f "$BATS_TEST_TMPDIR/go"
}

cli() # [KEY=VALUE...] -- COMMAND...
{
    lab run "$CLI" varnish hosts="$HOST_v1" hosts="$HOST_v2" hosts="$HOST_v3" user="$LAB_USER" password_file="$PASSWORD_FILE" \
        identity_file="$IDENTITY" known_hosts="$KNOWN_HOSTS" "$@"
}

apply() # CHANGE...
{
    cli -- apply "$@"
}

on_all() # COMMAND...: on the three at once; what they say, in order
{
    local host jobs=() failed=0
    for host in v1 v2 v3; do
        lab exec $host "$@" >"$BATS_TEST_TMPDIR/on-$host" 2>&1 3>&- &
        jobs+=($!)
    done
    for host in "${jobs[@]}"; do
        wait "$host" || failed=1
    done
    cat "$BATS_TEST_TMPDIR"/on-v[123]
    return $failed
}

# all_get PATH BODY...: the answers of every host are these bodies, all of them.
all_get()
{
    local path=$1 host want
    shift
    want=$(printf '%s\n' "$@" | sort)
    for host in "$HOST_v1" "$HOST_v2" "$HOST_v3"; do
        assert_equal "$(for _ in 1 2 3 4 5 6; do http_get "$host:6081" "$path"; done | sort -u)" "$want"
    done
}

answers() # HOST BODY: it does so now and then
{
    [ "$(http_get "$1:6081" /app/)" = "$2" ]
}

all_fail() # PATH
{
    local host
    for host in "$HOST_v1" "$HOST_v2" "$HOST_v3"; do
        run http_get "$host:6081" "$1"
        assert_failure
        assert_output --partial "error: 503"
    done
}

# What the three hosts have, and what is in force there.
state()
{
    on_all sh -c 'cd /etc/varnish; sha256sum -- *.vcl; varnishadm vcl.show $(varnishadm vcl.list | sed -n "s/^active.* //p") | sha256sum'
}

loaded() # HOST: how many VCLs it has
{
    lab exec "$1" varnishadm vcl.list | grep -c .
}

@test "pools come, are filled, emptied and go on all hosts, and requests follow" {
    run apply create:app
    assert_success
    on_all lab-route app
    all_fail /app/
    apply "add:app/$NODE_n1"
    all_get /app/ n1
    apply "add:app/$NODE_n2" "add:app/$NODE_n3"
    all_get /app/ n1 n2 n3
    apply "del:app/$NODE_n1" "del:app/$NODE_n3"
    all_get /app/ n2
    run cli -- pools
    assert_output "app
app/$NODE_n2"
    apply "del:app/$NODE_n2"
    all_fail /app/
    on_all lab-route
    apply remove:app
    run cli -- pools
    assert_output ""
    on_all sh -c '[ ! -e /etc/varnish/pool-app.vcl ] && [ ! -s /etc/varnish/pools.vcl ]'
}

@test "a pool whose name VCL does not allow is there under another" {
    apply "add:1.x/$NODE_n1" "add:default/$NODE_n2" create:App-2_b
    on_all lab-route 1.x=pool__1_2ex d=pool__default b=App-2_b
    all_get /1.x/ n1
    all_get /d/ n2
    all_fail /b/
    run apply create:DEFAULT
    assert_failure
    assert_output --partial "EEXIST pool DEFAULT exists as default"
}

@test "a pool that rules use is busy, and stays" {
    apply "add:app/$NODE_n1" create:other
    on_all lab-route app
    before=$(state)
    run apply "del:app/$NODE_n1" remove:app
    assert_failure
    assert_output --regexp "^EBUSY pool app is in use: .*Symbol not found: 'app.backend'"
    assert_equal "$(state)" "$before"
    all_get /app/ n1
    apply remove:other
}

@test "a node that cannot be resolved: all hosts have what they had, and the reason is told" {
    apply "add:app/$NODE_n1"
    on_all lab-route app
    before=$(state)
    run cli -- apply add:app/nosuch.invalid:80 create:new , status
    assert_failure
    assert_line --index 0 --regexp "^EREMOTEIO .*Backend host '\"nosuch.invalid\"' could not be resolved"
    [ "$(grep -c "up .*nosuch.invalid" <<<"$output")" -eq 3 ]
    assert_equal "$(state)" "$before"
    all_get /app/ n1
}

@test "a node that one host refuses is on none of them" {
    apply "add:app/$NODE_n1"
    on_all lab-route app
    lab exec v1 sh -c 'echo "10.77.1.2 only-there" >>/etc/hosts'
    lab exec v3 sh -c 'echo "10.77.1.2 only-there" >>/etc/hosts'
    before=$(on_all sh -c 'sha256sum /etc/varnish/*.vcl')
    run apply add:app/only-there:8080
    assert_failure
    assert_output --regexp "^EREMOTEIO $HOST_v2: .*only-there"
    assert_equal "$(on_all sh -c 'sha256sum /etc/varnish/*.vcl')" "$before"
    all_get /app/ n1
}

@test "with a test command no host loads what one of them refuses" {
    local test='varnishd -C -f /etc/varnish/default.vcl'
    cli test_cmd="$test" -- apply "add:app/$NODE_n1"
    lab exec v2 sh -c 'echo "10.77.1.2 only-here" >>/etc/hosts'
    before="$(loaded v1) $(loaded v2) $(loaded v3)"
    run cli test_cmd="$test" -- apply add:app/only-here:8080
    assert_failure
    assert_output --regexp "^EREMOTEIO $HOST_v1: varnishd -C .*only-here"
    assert_equal "$(loaded v1) $(loaded v2) $(loaded v3)" "$before"
}

@test "a reload command can see to it that old configurations go" {
    for _ in 1 2 3 4; do
        cli reload_cmd='/usr/share/varnish/varnishreload -m 2' -- apply "add:app/$NODE_n1" , apply "del:app/$NODE_n1"
    done
    run lab exec v1 varnishadm vcl.list
    [ "$(grep -c "^available.*reload_" <<<"$output")" -eq 2 ]
}

@test "Velociraptor's files are read, and rewritten by the next change of any pool" {
    on_all sh -c 'cd /etc/varnish
        for pool in app shop; do
            printf "director %s round-robin {\n  {\n    .backend = {\n      .host = \"%s\";\n      .port = \"8080\";\n    }\n  }\n}\n" $pool 10.77.1.1 >pool-$pool.vcl
            echo "include \"/etc/varnish/pool-$pool.vcl\";"
        done >pools.vcl'
    run cli -- pools
    assert_output "app
app/$NODE_n1
shop
shop/$NODE_n1"
    apply "add:app/$NODE_n2"
    on_all lab-route app shop
    all_get /app/ n1 n2
    all_get /shop/ n1
}

@test "what a person wrote stays" {
    on_all sh -c 'cat >/etc/varnish/pools.vcl <<END
# pools; ask Ann
include "./pool-app.vcl"; # the shop
probe health { .url = "/"; }
backend spare { .host = "10.77.1.3"; .port = "8080"; .probe = health; }
sub vcl_recv { set req.backend_hint = spare; } # unless
END
        cat >/etc/varnish/pool-app.vcl <<END
import directors;
backend one { .host = "10.77.1.1"; .port = "8080"; .connect_timeout = 2s; } # rack 1
sub vcl_init {
    new app = directors.random();
    app.add_backend(one, 1.0);
}
END'
    before=$(lab exec v1 cat /etc/varnish/pools.vcl)
    apply "add:app/$NODE_n2"
    on_all lab-route app
    poll answers "$HOST_v2" n1
    poll answers "$HOST_v2" n2
    all_get / n3
    assert_equal "$(lab exec v1 cat /etc/varnish/pools.vcl)" "$before"
    run lab exec v2 cat /etc/varnish/pool-app.vcl
    assert_line 'backend one { .host = "10.77.1.1"; .port = "8080"; .connect_timeout = 2s; } # rack 1'
    assert_line '    app.add_backend(app__10_2e77_2e1_2e2_3a8080, 1.0);'
    apply create:new
    run diff <(lab exec v3 cat /etc/varnish/pools.vcl) - <<<"$before"
    assert_output '3d2
< include "./pool-new.vcl";'
}

writer() # NAME: pools NAME1 to NAME3 with a node each, one by one; then the second goes
{
    local i words=()
    for i in 1 2 3; do
        words+=(apply "create:$1$i" , apply "add:$1$i/$NODE_n1" ,)
    done
    cli -- "${words[@]}" apply "del:${1}2/$NODE_n1" "remove:${1}2"
}

@test "two who write pools at once lose nothing" {
    writer a >"$BATS_TEST_TMPDIR/a" 2>&1 3>&- &
    writer b >"$BATS_TEST_TMPDIR/b" 2>&1 3>&-
    wait $!
    assert_equal "$(cat "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b")" ""
    run cli -- pools
    assert_output "$(for pool in a1 a3 b1 b3; do echo "$pool"; echo "$pool/$NODE_n1"; done)"
    for host in v1 v2 v3; do
        assert_equal "$(lab exec $host sort /etc/varnish/pools.vcl)" "$(printf 'include "./pool-%s.vcl";\n' a1 a3 b1 b3)"
    done
    on_all lab-route a1 b3
    all_get /a1/ n1
    all_get /b3/ n1
}

@test "no request fails while nodes come and go" {
    apply "add:app/$NODE_n1"
    on_all lab-route app
    touch "$BATS_TEST_TMPDIR/go"
    while [ -e "$BATS_TEST_TMPDIR/go" ]; do
        http_get "$HOST_v1:6081" /app/ || echo FAILED
    done >"$BATS_TEST_TMPDIR/answers" 2>&1 3>&- &
    # Each has its turn, seen in the answers; then as fast as it goes.
    cli -- apply "add:app/$NODE_n2" , apply "add:app/$NODE_n3"
    poll grep -q n2 "$BATS_TEST_TMPDIR/answers"
    poll grep -q n3 "$BATS_TEST_TMPDIR/answers"
    cli -- apply "del:app/$NODE_n2" , apply "del:app/$NODE_n3" , \
        apply "add:app/$NODE_n2" , apply "add:app/$NODE_n3" , apply "del:app/$NODE_n2" , apply "del:app/$NODE_n3"
    poll eval '[ "$(wc -l <"$BATS_TEST_TMPDIR/answers")" -ge 30 ]'
    rm "$BATS_TEST_TMPDIR/go"
    wait $!
    run cat "$BATS_TEST_TMPDIR/answers"
    refute_line --regexp '^[^n]|FAILED|error'
}
