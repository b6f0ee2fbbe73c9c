#!/usr/bin/env bats
# Apache on three hosts: real balancers, real gracefuls, real requests.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154  # code for the hosts; options are each test's own; HOST_, NODE_ and the like come from lab_env

load lab
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    export CLI="${BUILD:-$BATS_TEST_DIRNAME/../build}/tests/driver_cli"
    lab_start a1:apache a2:apache a3:apache -- n1 n2 n3
}

teardown_file()
{
    lab_stop
}

setup()
{
    for host in a1 a2 a3; do
        rm -f "$(lab root $host /etc/apache2/conf-enabled)"/{app,app2,web,zoo}.conf "$(lab root $host /etc/apache2/sites-enabled)"/test-*.conf
    done
    options=(user="$LAB_USER" password_file="$PASSWORD_FILE" known_hosts="$KNOWN_HOSTS" hosts="$HOST_a1" hosts="$HOST_a2" hosts="$HOST_a3")
}

# What asks meanwhile ends.
teardown()
{
    touch "$BATS_TEST_TMPDIR/stop"
}

# apache WORD...: the driver with the options
apache()
{
    lab run "$CLI" apache "${options[@]}" -- "$@"
}

# everywhere CMD...: on each host
everywhere()
{
    local host
    for host in a1 a2 a3; do
        lab exec $host "$@" || return 1
    done
}

# answers_of HOST PATH: who answered ten requests
answers_of()
{
    local address=HOST_$1
    lab run curl -sS --fail --noproxy '*' --max-time 10 "http://${!address}:82$2?[1-10]" | sort -u | tr '\n' ' '
}

# files: the pool files of all hosts with their digests
files()
{
    everywhere sh -c 'cd /etc/apache2/conf-enabled && for n in app app2 web zoo; do [ ! -e $n.conf ] || sha256sum $n.conf; done'
}

parent()
{
    lab exec "$1" cat /run/apache2/apache2.pid
}

@test "requests reach the nodes that were added, on every host, and no others" {
    run apache apply create:app
    assert_success
    run apache apply "add:app/$NODE_n1" add:app/n2:8080
    assert_success
    for host in a1 a2 a3; do
        assert_equal "$(answers_of $host /app/)" "n1 n2 "
    done
    run apache apply "del:app/$NODE_n1" "add:app/$NODE_n3"
    assert_success
    for host in a1 a2 a3; do
        assert_equal "$(answers_of $host /app/)" "n2 n3 "
    done
    run apache pools
    assert_output "app
app/$NODE_n3
app/n2:8080"
}

@test "a change is in force when the driver comes back" {
    apache apply "add:app/$NODE_n1"
    for node in "$NODE_n2" "$NODE_n3" "$NODE_n1" "$NODE_n2"; do
        old=$(apache nodes app)
        run apache apply "add:app/$node" "del:$old"
        assert_success
        name=$(http_get "$node" /)
        run http_get "$HOST_a2:82" /app/
        assert_output "$name"
    done
}

@test "an empty pool stays, and is answered for with 503" {
    printf 'Listen 83\n<VirtualHost *:83>\nProxyPass / balancer://app/\n</VirtualHost>\n' >"$(lab root a1 /etc/apache2/sites-enabled/test-x.conf)"
    apache apply "add:app/$NODE_n1"
    run http_get "$HOST_a1:83" /
    assert_output n1
    run apache apply "del:app/$NODE_n1" , pools
    assert_success
    assert_output app
    run http_get "$HOST_a1:83" /
    assert_output --partial "error: 503"
    rm "$(lab root a1 /etc/apache2/sites-enabled/test-x.conf)"
    run apache apply remove:app , pools
    assert_success
    assert_output ""
    run files
    assert_output ""
}

@test "a pool that the configuration uses is not removed" {
    apache apply create:app create:app2 create:zoo
    for host in a1 a2 a3; do
        printf '# ProxyPass /zoo balancer://zoo\nProxyPass /y balancer://app2/\nProxyPass \\\n  /x "balancer://App/"\n' >"$(lab root $host /etc/apache2/sites-enabled/test-x.conf)"
    done
    everywhere apache2ctl graceful
    before=$(files)
    run apache apply remove:zoo remove:app
    assert_failure
    assert_output --partial "EBUSY"
    assert_output --partial 'pool app is used by /etc/apache2/sites-enabled/test-x.conf:4: /x "balancer://App/"'
    assert_equal "$(files)" "$before"
    run apache apply remove:zoo
    assert_success
    everywhere rm /etc/apache2/sites-enabled/test-x.conf
    run apache apply remove:app remove:app2 , pools
    assert_success
    assert_output ""
}

@test "a configuration that one host refuses is put back on all" {
    apache apply "add:app/$NODE_n1"
    before=$(files)
    echo 'Bogus on' >"$(lab root a2 /etc/apache2/sites-enabled/test-bad.conf)"
    run apache apply "add:app/$NODE_n2" "add:web/$NODE_n2" , status
    assert_failure
    assert_line --index 0 --partial "EREMOTEIO $HOST_a2: apache2ctl configtest: "
    assert_line --index 0 --partial "Invalid command 'Bogus'"
    refute_line --index 0 --partial "The Apache error log"
    assert_equal "$(files)" "$before"
    assert_equal "$(answers_of a1 /app/)" "n1 "
    rm "$(lab root a2 /etc/apache2/sites-enabled/test-bad.conf)"
    run apache apply "add:app/$NODE_n2"
    assert_success
    assert_equal "$(answers_of a2 /app/)" "n1 n2 "
}

@test "a missing balancing method is refused, before it ends the server" {
    apache apply "add:app/$NODE_n1"
    pid=$(parent a3)
    lab exec a3 a2dismod -q -f lbmethod_byrequests
    before=$(files)
    run apache apply "add:app/$NODE_n2"
    assert_failure
    assert_output --partial "EREMOTEIO $HOST_a3"
    assert_output --partial "a2enmod lbmethod_byrequests"
    assert_equal "$(files)" "$before"
    assert_equal "$(parent a3)" "$pid"
    assert_equal "$(answers_of a3 /app/)" "n1 "
    # The method that a pool names is what counts.
    lab exec a3 a2enmod -q lbmethod_bybusyness
    lab exec a3 sed -i 's/^<Proxy.*/&\nProxySet lbmethod=bybusyness/' /etc/apache2/conf-enabled/app.conf
    run apache apply "add:app/$NODE_n2"
    assert_success
    assert_equal "$(answers_of a3 /app/)" "n1 n2 "
    lab exec a3 a2enmod -q lbmethod_byrequests
}

@test "without the proxy modules the answer is which to enable" {
    lab exec a1 a2dismod -q -f proxy_balancer
    run apache apply "add:app/$NODE_n1"
    assert_failure
    assert_output --partial "a2enmod proxy_balancer"
    lab exec a1 a2dismod -q -f proxy proxy_http lbmethod_byrequests slotmem_shm
    run apache apply "add:app/$NODE_n1"
    assert_failure
    assert_output --partial "a2enmod proxy proxy_http proxy_balancer lbmethod_byrequests"
    run files
    assert_output ""
    lab exec a1 a2enmod -q proxy proxy_http proxy_balancer lbmethod_byrequests slotmem_shm
    run apache apply "add:app/$NODE_n1"
    assert_success
    assert_equal "$(answers_of a1 /app/)" "n1 "
}

@test "a stopped server is not started, and nothing changes" {
    apache apply "add:app/$NODE_n1"
    before=$(files)
    lab exec a2 apache2ctl stop
    poll lab exec a2 sh -c '! pgrep -x apache2'
    run apache apply "add:app/$NODE_n2"
    assert_failure
    assert_output --partial "EREMOTEIO $HOST_a2"
    assert_output --partial "apache is not running"
    assert_output --partial "start it first"
    assert_equal "$(files)" "$before"
    run lab exec a2 pgrep -x apache2
    assert_failure
    # Another process has the pid of a stale pid file.
    lab exec a2 sh -c 'echo 1 >/run/apache2/apache2.pid'
    run apache apply "add:app/$NODE_n2"
    assert_failure
    assert_output --partial "apache is not running"
    lab exec a2 sh -c 'rm /run/apache2/apache2.pid; apache2ctl start'
    run apache apply "add:app/$NODE_n2"
    assert_success
    assert_equal "$(answers_of a2 /app/)" "n1 n2 "
}

@test "a server that ends at the reload is noticed" {
    apache apply "add:app/$NODE_n1"
    before=$(files)
    options+=(reload_cmd='apache2ctl stop # graceful')
    run apache apply "add:app/$NODE_n2"
    assert_failure
    assert_output --partial "apache has ended at the reload"
    assert_equal "$(files)" "$before"
    for host in a1 a2 a3; do
        poll lab exec $host sh -c '! pgrep -x apache2'
    done
    everywhere apache2ctl start
}

@test "that a reload by another name has come to something is seen, too" {
    lab exec a1 sh -c 'printf "#!/bin/sh\napache2ctl stop\n" >/usr/local/bin/service; chmod +x /usr/local/bin/service'
    options=(user="$LAB_USER" password_file="$PASSWORD_FILE" known_hosts="$KNOWN_HOSTS" hosts="$HOST_a1" reload_cmd='/usr/local/bin/service apache2 reload')
    run apache apply create:web
    lab exec a1 rm /usr/local/bin/service
    lab exec a1 apache2ctl start
    assert_failure
    assert_output --partial "apache has ended at the reload: see its error log"
    options[-1]='reload_cmd=/etc/init.d/apache2 reload'
    apache apply "add:app/$NODE_n1"
    for node in "$NODE_n2" "$NODE_n3" "$NODE_n1" "$NODE_n2"; do
        run apache apply "add:app/$node" "del:$(apache nodes app)"
        assert_success
        name=$(http_get "$node" /)
        run http_get "$HOST_a1:82" /app/
        assert_output "$name"
    done
}

@test "a reload that one host refuses is taken back on all" {
    apache apply "add:app/$NODE_n1"
    before=$(files)
    options+=(reload_cmd="apache2ctl graceful && [ \$(hostname) != a3 -o ! -e web.conf ]")
    run apache apply "add:app/$NODE_n2" "add:web/$NODE_n2"
    assert_failure
    assert_output --partial "EREMOTEIO $HOST_a3"
    assert_equal "$(files)" "$before"
    for host in a1 a2 a3; do
        assert_equal "$(answers_of $host /app/)" "n1 "
    done
}

@test "another test command is run as well" {
    options+=(test_cmd='[ ! -e web.conf ] || { echo "no web here"; exit 3; }')
    run apache apply "add:web/$NODE_n1"
    assert_failure
    assert_output --partial "no web here"
    run apache apply "add:app/$NODE_n1"
    assert_success
    lab exec a2 a2dismod -q -f lbmethod_byrequests
    run apache apply "add:app/$NODE_n2"
    assert_failure
    assert_output --partial "a2enmod lbmethod_byrequests"
    lab exec a2 a2enmod -q lbmethod_byrequests
}

@test "no new connection fails while nodes come and go" {
    apache apply "add:app/$NODE_n1"
    pids=$(parent a1)
    until [ -e "$BATS_TEST_TMPDIR/stop" ]; do
        http_get "$HOST_a1:82" /app/ >>"$BATS_TEST_TMPDIR/answers" 2>>"$BATS_TEST_TMPDIR/errors" || echo failed >>"$BATS_TEST_TMPDIR/errors"
    done 3>&- &
    # Each has its turn, seen in the answers; then as fast as it goes.
    apache apply "add:app/$NODE_n2"
    poll grep -q n2 "$BATS_TEST_TMPDIR/answers"
    apache apply "add:app/$NODE_n3" "del:app/$NODE_n1"
    poll grep -q n3 "$BATS_TEST_TMPDIR/answers"
    apache apply "add:app/$NODE_n1" "del:app/$NODE_n2" "del:app/$NODE_n3"
    for _ in 1 2; do
        apache apply "add:app/$NODE_n2" , apply "add:app/$NODE_n3" "del:app/$NODE_n1" , apply "add:app/$NODE_n1" "del:app/$NODE_n2" "del:app/$NODE_n3"
    done
    poll eval '[ "$(grep -c . "$BATS_TEST_TMPDIR/answers")" -ge 30 ]'
    touch "$BATS_TEST_TMPDIR/stop"
    wait $!
    run cat "$BATS_TEST_TMPDIR/errors"
    assert_output ""
    assert_equal "$(sort -u "$BATS_TEST_TMPDIR/answers" | tr '\n' ' ')" "n1 n2 n3 "
    assert_equal "$(parent a1)" "$pids"
}
