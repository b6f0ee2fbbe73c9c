#!/usr/bin/env bats
# Balancers of every kind that has a real server here, at once in one mount; and each keeps every driver's promises.
# shellcheck disable=SC2154,SC2034  # the lab's and the mount's variables

load lab
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start all:nginx,varnish,haproxy,apache -- n1
}

teardown_file()
{
    lab_stop
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    lab_env
    mount_command=(env "LAB_STATE=$LAB_STATE" "$BATS_TEST_DIRNAME/lab" run "$BUILD/balancerfs")
    (umask 077 && config >"$BATS_TEST_TMPDIR/kinds.yaml")
}

teardown()
{
    cd /
    mount_stop_all
}

section()
{
    cat <<YAML
  $1:
    BACKEND: $2
    user: $LAB_USER
    password_file: $PASSWORD_FILE
    known_hosts: $KNOWN_HOSTS
    hosts: [$HOST_all]
YAML
}

config()
{
    echo "BALANCERS:"
    section ng deployment.balancer.nginx.NginxBalancer
    section va deployment.balancer.varnish.VarnishBalancer
    section ha haproxy
    section ap apache
    echo "  du: {BACKEND: deployment.balancer.dummy.DummyBalancer}"
}

answers()
{
    [ "$(http_get "$1" "$2")" = n1 ]
}

@test "five balancers of five kinds in one mount" {
    mount_start <"$BATS_TEST_TMPDIR/kinds.yaml"
    for kind in ng va ha ap du; do
        mkdir "$MNT/$kind/app"
        touch "$MNT/$kind/app/$NODE_n1"
    done
    lab exec all lab-route app=app
    poll answers "$HOST_all:80" /app/x
    poll answers "$HOST_all:6081" /app/x
    poll answers "$HOST_all:81" /app/x
    poll answers "$HOST_all:82" /app/x
    mv "$MNT/ng/app/$NODE_n1" "$MNT/du/app/"
    run find "$MNT" -type f
    assert_equal "${#lines[@]}" 4
    lab exec all sh -c ': >/etc/varnish/routes.vcl'
    for kind in ng va ha ap du; do
        rm -rf "$MNT/$kind/app"
    done
    run find "$MNT" -mindepth 2
    assert_output ""
    mount_stop
}

@test "nginx keeps every driver's promises" {
    lab run "$BATS_TEST_DIRNAME/conformance" "$BATS_TEST_TMPDIR/kinds.yaml" ng
}

@test "varnish keeps every driver's promises" {
    lab run "$BATS_TEST_DIRNAME/conformance" "$BATS_TEST_TMPDIR/kinds.yaml" va
}

@test "haproxy keeps every driver's promises" {
    lab run "$BATS_TEST_DIRNAME/conformance" "$BATS_TEST_TMPDIR/kinds.yaml" ha
}

@test "apache keeps every driver's promises" {
    lab run "$BATS_TEST_DIRNAME/conformance" "$BATS_TEST_TMPDIR/kinds.yaml" ap
}
