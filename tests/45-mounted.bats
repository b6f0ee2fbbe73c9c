#!/usr/bin/env bats
# The whole way: a system call on a mount, over sshd and sudo, to real servers, and requests through them to real nodes.
# shellcheck disable=SC2154,SC2046,SC2012,SC2034,SC2086  # the lab's and the mount's variables; addresses and pids are words; names are plain

load lab
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start web1 web2 web3 -- n1 n2
    export HOSTS="$HOST_web1 $HOST_web2 $HOST_web3"
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
    for host in web1 web2 web3; do
        lab exec "$host" sh -c 'rm -f /etc/nginx/sites-enabled/*.conf; : >/var/tmp/reloads; nginx -s reload' 2>/dev/null
    done
}

teardown()
{
    cd /
    mount_stop_all
}

# nginx_on HOST...: mounts them as the balancer web.
nginx_on()
{
    mount_start <<YAML
BALANCERS:
  web:
    BACKEND: deployment.balancer.nginx.NginxBalancer
    user: $LAB_USER
    password_file: ${password_file:-$PASSWORD_FILE}
    known_hosts: ${known_hosts:-$KNOWN_HOSTS}
    reload_cmd: echo reload >>/var/tmp/reloads && /etc/init.d/nginx reload
    hosts: [$(echo "$@" | tr ' ' ',')]
    timeout: 20s
    connect_timeout: ${connect_timeout:-4s}
YAML
}

answers()
{
    [ "$(http_get "$1" "$2")" = "$3" ]
}

answers_none()
{
    ! http_get "$1" "$2" >/dev/null 2>&1
}

everywhere()
{
    local host
    for host in $HOSTS; do
        poll "$1" "$host" "${@:2}" || return 1
    done
}

pool_files()
{
    for host in web1 web2 web3; do
        lab exec "$host" sh -c "cat /etc/nginx/sites-enabled/$1.conf 2>&1 | sha256sum"
    done | sort -u | wc -l
}

reloads()
{
    lab exec "$1" sh -c 'wc -l </var/tmp/reloads'
}

@test "touch puts a node in front of requests on every host, rm takes it away" {
    nginx_on $HOSTS
    mkdir "$MNT/web/app"
    everywhere answers_none /app/x
    touch "$MNT/web/app/$NODE_n1"
    everywhere answers /app/x n1
    touch "$MNT/web/app/$NODE_n2"
    rm "$MNT/web/app/$NODE_n1"
    everywhere answers /app/x n2
    assert_equal "$(getfattr --only-values -n user.balancerfs.hosts "$MNT/web/app/$NODE_n2")" "$HOST_web1, $HOST_web2, $HOST_web3"
    assert_equal "$(pool_files app)" 1
    rm "$MNT/web/app/$NODE_n2"
    everywhere answers_none /app/x
    lab exec web1 nginx -t -q
    rmdir "$MNT/web/app"
    assert_equal "$(ls "$MNT/web")" ""
    mount_stop
}

@test "a remount shows what is there, an empty pool too" {
    nginx_on $HOSTS
    mkdir "$MNT/web/empty" "$MNT/web/app"
    touch "$MNT/web/app/$NODE_n1"
    mount_stop
    nginx_on $HOSTS
    assert_equal "$(cd "$MNT/web" && find . -mindepth 1 | sort)" "./app
./app/$NODE_n1
./empty"
    mount_stop
}

@test "what nginx refuses is put back everywhere, and .status has its words" {
    nginx_on $HOSTS
    mkdir "$MNT/web/app"
    touch "$MNT/web/app/$NODE_n1"
    assert_equal "$(errno 'os.close(os.open(a[0], os.O_CREAT | os.O_WRONLY))' "$MNT/web/app/nosuch.invalid:80")" EREMOTEIO
    run cat "$MNT/web/.status"
    assert_output --partial 'host not found in upstream "nosuch.invalid:80"'
    assert_equal "$(ls "$MNT/web/app")" "$NODE_n1"
    assert_equal "$(pool_files app)" 1
    everywhere answers /app/x n1
    mount_stop
}

@test "the whole pool by .nodes is one reload on each host" {
    nginx_on $HOSTS
    mkdir "$MNT/web/app"
    touch "$MNT/web/app/10.77.1.9:80"
    before=$(reloads web2)
    printf '%s\n' "# ours" "$NODE_n1" "$NODE_n2" >"$MNT/web/app/.nodes"
    assert_equal "$(ls "$MNT/web/app" | wc -l)" 2
    assert_equal "$(($(reloads web2) - before))" 1
    printf '%s\n' "# ours" "$NODE_n1" "$NODE_n2" >"$MNT/web/app/.nodes"
    assert_equal "$(($(reloads web2) - before))" 1
    assert_equal "$(head -n 1 "$MNT/web/app/.nodes")" "# ours"
    mount_stop
}

@test "100 pools by 100 processes at once are a handful of reloads" {
    nginx_on $HOSTS
    ls "$MNT/web"
    before=$(reloads web1)
    for i in {1..100}; do mkdir "$MNT/web/p$i" & done
    wait $(jobs -p | grep -vx "$PID")
    made=$(($(reloads web1) - before))
    # The first has to wait for the lock until all are there.
    lab exec web1 sh -c 'flock /etc/nginx/sites-enabled/.balancerfs/lock sh -c "touch /var/tmp/held; while [ -e /var/tmp/held ]; do sleep 0.05; done"' 3>&- &
    poll lab exec web1 test -e /var/tmp/held
    for i in {1..100}; do touch "$MNT/web/p$i/$NODE_n1" & done
    poll asked_for 100
    lab exec web1 rm /var/tmp/held
    wait $(jobs -p | grep -vx "$PID")
    assert_equal "$(find "$MNT/web" -type f | wc -l)" 100
    changed=$(($(reloads web1) - before - made))
    echo "reloads for 100 touches: $changed"
    [ "$changed" -le 5 ]
    everywhere answers /p100/x n1
    mount_stop
}

@test "a dead host: nothing changes anywhere, the errno says why, and it is used again when it is back" {
    nginx_on $HOSTS
    mkdir "$MNT/web/app"
    touch "$MNT/web/app/$NODE_n1"
    lab kill-ssh web2
    assert_equal "$(errno 'os.close(os.open(a[0], os.O_CREAT | os.O_WRONLY))' "$MNT/web/app/$NODE_n2")" ECONNREFUSED
    assert_equal "$(errno 'os.listdir(a[0])' "$MNT/web/app")" ECONNREFUSED
    run cat "$MNT/web/.status"
    assert_output --partial "state: down"
    run lab exec web1 grep -c "$NODE_n2" /etc/nginx/sites-enabled/app.conf
    assert_output 0
    lab start-ssh web2
    poll touch "$MNT/web/app/$NODE_n2"
    assert_equal "$(pool_files app)" 1
    mount_stop
}

@test "a cut link: the answer comes within the time-outs" {
    nginx_on $HOSTS
    mkdir "$MNT/web/app"
    lab cut web3
    start=$SECONDS
    run errno 'os.close(os.open(a[0], os.O_CREAT | os.O_WRONLY))' "$MNT/web/app/$NODE_n1"
    assert_output --regexp 'ETIMEDOUT|EHOSTUNREACH'
    [ $((SECONDS - start)) -le 40 ]
    lab heal web3
    poll touch "$MNT/web/app/$NODE_n1"
    everywhere answers /app/x n1
    mount_stop
}

@test "a wrong password, an unknown and a changed host key are EACCES, and the mount works on" {
    echo wrong >"$BATS_TEST_TMPDIR/wrong"
    chmod 600 "$BATS_TEST_TMPDIR/wrong"
    # sshd takes its time to refuse a password.
    connect_timeout=15s password_file=$BATS_TEST_TMPDIR/wrong nginx_on "$HOST_web1"
    assert_equal "$(errno 'os.listdir(a[0])' "$MNT/web")" EACCES
    mount_stop
    : >"$BATS_TEST_TMPDIR/nobody"
    known_hosts=$BATS_TEST_TMPDIR/nobody nginx_on "$HOST_web1"
    assert_equal "$(errno 'os.listdir(a[0])' "$MNT/web")" EACCES
    mount_stop
    ssh-keygen -q -t ed25519 -N '' -f "$BATS_TEST_TMPDIR/key"
    echo "$HOST_web1 $(cut -d' ' -f1,2 "$BATS_TEST_TMPDIR/key.pub")" >"$BATS_TEST_TMPDIR/other"
    known_hosts=$BATS_TEST_TMPDIR/other nginx_on "$HOST_web1"
    assert_equal "$(errno 'os.listdir(a[0])' "$MNT/web")" EACCES
    run cat "$MNT/web/.status"
    assert_output --partial "host key"
    mount_stop
}

@test "two mounts change the same pools at once and lose nothing" {
    nginx_on $HOSTS
    mount_start -n two <"$BATS_TEST_TMPDIR/mount/config.yaml"
    mkdir "$MNT/web/app"
    for i in {1..12}; do
        touch "$MNT/web/app/10.9.0.$i:80" &
        touch "$MNT_two/web/app/10.9.1.$i:80" &
    done
    wait $(jobs -p | grep -vxE "$PID|$PID_two")
    sleep 1.1
    assert_equal "$(ls "$MNT/web/app" | wc -l) $(ls "$MNT_two/web/app" | wc -l)" "24 24"
    assert_equal "$(pool_files app)" 1
    mount_stop two
    mount_stop
}
