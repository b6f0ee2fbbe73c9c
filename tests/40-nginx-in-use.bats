#!/usr/bin/env bats
# A pool that nginx's own rules use cannot go.
# shellcheck disable=SC2154  # HOST_, NODE_ and the like come from lab_env

load lab
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start web1 -- n1
}

teardown_file()
{
    lab_stop
}

cli()
{
    lab run "${BUILD:-$BATS_TEST_DIRNAME/../build}/tests/driver_cli" nginx hosts="$HOST_web1" user="$LAB_USER" \
        password_file="$PASSWORD_FILE" identity_file="$IDENTITY" known_hosts="$KNOWN_HOSTS" "$@"
}

@test "a pool that rules use is busy and stays; one that they do not use goes" {
    cli -- apply "add:app/$NODE_n1" create:apple
    lab exec web1 sh -c 'echo "server { listen 8099; location / { proxy_pass http://App; } }" >/etc/nginx/conf.d/app.conf && /etc/init.d/nginx reload'
    run cli -- apply "del:app/$NODE_n1" remove:app , pools
    assert_failure
    assert_line --index 0 --regexp '^EBUSY pool app is in use: .*nginx -t -q: .*host not found in upstream "App"'
    assert_line --index 2 "app/$NODE_n1"
    poll http_get "$HOST_web1:8099" /
    run cli -- apply remove:apple , pools
    assert_success
    assert_output "app
app/$NODE_n1"
    lab exec web1 rm /etc/nginx/conf.d/app.conf
    run cli -- apply "del:app/$NODE_n1" remove:app , pools
    assert_success
    assert_output ""
}
