#!/usr/bin/env bats
# The lab's own commands, since other families believe what it does.
# shellcheck disable=SC2154  # HOST_, NODE_ and the like come from lab_env

load lab
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start web1 web2:none -- n1 n2:9000
}

teardown_file()
{
    lab_stop
}

connects()
{
    lab run timeout 10 bash -c "exec 3<>/dev/tcp/$1/22"
}

# silent ADDRESS: nobody answered, nobody refused (a second is long on this network).
silent()
{
    run lab run timeout 1 bash -c "exec 3<>/dev/tcp/$1/22"
    [ "$status" -eq 124 ]
}

# banner ADDRESS SECONDS: sshd's first line. A frozen host accepts and says nothing.
banner()
{
    lab run timeout "$2" bash -c "exec 3<>/dev/tcp/$1/22; read -r line <&3; echo \"\$line\""
}

@test "hosts have names, addresses, disks and processes of their own" {
    run lab exec web1 hostname
    assert_output web1
    lab exec web1 sh -c 'echo mine >/etc/lab-test'
    [ ! -e /etc/lab-test ]
    [ ! -e "$(lab root web2 /etc/lab-test)" ]
    [ "$(cat "$(lab root web1 /etc/lab-test)")" = mine ]
    run lab exec web2 pgrep -x nginx
    assert_failure
    run lab exec web1 sh -c 'ls -d /proc/[0-9]* | wc -l'
    [ "$output" -lt 30 ]
}

@test "nothing of a lab is in the machine's own network or mount table" {
    run ip -o addr
    refute_output --partial 10.77.
    run ip -o link
    refute_output --partial br0
    run cat /proc/self/mounts
    refute_output --partial "$LAB_STATE"
}

@test "nodes answer with their names, over a host's nginx too" {
    run http_get "$NODE_n1" /any/path
    assert_output n1
    run http_get "$NODE_n2" /
    assert_output n2
    run http_get "$HOST_web1" /app/
    assert_failure
    lab exec web1 sh -c 'echo "upstream app { server n1:8080; }" >/etc/nginx/sites-enabled/app.conf && /etc/init.d/nginx reload'
    poll http_get "$HOST_web1" /app/
    run http_get "$HOST_web1" /app/
    assert_output n1
    lab unnode n1
    run http_get "$NODE_n1" /
    assert_failure
    assert_output --partial "Couldn't connect"
    lab node n1
    lab_env
    run http_get "$NODE_n1" /
    assert_output n1
}

@test "varnish, haproxy and apache serve a pool by its name" {
    lab up all:nginx,varnish,haproxy,apache
    lab_env
    lab exec all sh -c 'printf "backend app\n server n2 10.77.1.2:9000\n" >/etc/haproxy/pools/app.cfg; /etc/init.d/haproxy reload'
    lab exec all sh -c 'printf "<Proxy balancer://app>\n BalancerMember http://n2:9000\n</Proxy>\n" >/etc/apache2/conf-enabled/app.conf; apache2ctl graceful'
    lab exec all sh -c 'printf "backend app_n2 { .host = \"n2\"; .port=\"9000\"; } sub vcl_init { new app = directors.round_robin(); app.add_backend(app_n2); }" >/etc/varnish/pool-app.vcl
        printf "import directors;\ninclude \"./pool-app.vcl\";\n" >/etc/varnish/pools.vcl; lab-route app'
    for port in 6081 81 82; do
        poll http_get "$HOST_all:$port" /app/
        run http_get "$HOST_all:$port" /app/
        assert_output n2
        run http_get "$HOST_all:$port" /none/
        assert_failure
        assert_output --regexp "error: 50[0-9]"
    done
    lab crash all
}

@test "log-in by key, and by the address in known_hosts" {
    run lab ssh web1 id -un
    assert_output deploy
    for key in "$IDENTITY" "$IDENTITY_ECDSA" "$IDENTITY_RSA"; do
        run lab run ssh -F /dev/null -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile="$KNOWN_HOSTS" -i "$key" "deploy@$HOST_web2" hostname
        assert_output web2
    done
}

@test "log-in by password" {
    printf '#!/bin/sh\ncat %s\n' "$PASSWORD_FILE" >"$BATS_TEST_TMPDIR/ask"
    chmod +x "$BATS_TEST_TMPDIR/ask"
    for method in password keyboard-interactive; do
        run lab run setsid env SSH_ASKPASS_REQUIRE=force SSH_ASKPASS="$BATS_TEST_TMPDIR/ask" \
            ssh -F /dev/null -o PreferredAuthentications=$method -o UserKnownHostsFile="$KNOWN_HOSTS" "deploy@$HOST_web2" hostname
        assert_output web2
    done
}

@test "sudo asks for the password, or as it is told" {
    run lab ssh web2 sudo -n id -u
    assert_failure
    run bash -c '"$1/lab" ssh web2 "sudo -k -S -p \"\" id -u" <"$PASSWORD_FILE"' - "$BATS_TEST_DIRNAME"
    assert_output 0
    lab sudo web2 nopasswd
    run lab ssh web2 sudo -n id -u
    assert_output 0
    lab sudo web2 tty
    run bash -c '"$1/lab" ssh web2 "sudo -k -S -p \"\" id -u" <"$PASSWORD_FILE"' - "$BATS_TEST_DIRNAME"
    assert_output --partial "you must have a tty"
    lab sudo web2 lecture
    run bash -c '"$1/lab" ssh web2 "sudo -k -S -p \"\" id -u" <"$PASSWORD_FILE"' - "$BATS_TEST_DIRNAME"
    assert_output --partial "Respect the privacy"
    lab sudo web2 targetpw
    run bash -c '"$1/lab" ssh web2 "sudo -k -S -p \"\" id -u" <"$ROOT_PASSWORD_FILE"' - "$BATS_TEST_DIRNAME"
    assert_output 0
    lab sudo web2 none
    run bash -c '"$1/lab" ssh web2 "sudo -k -S -p \"\" id -u" <"$PASSWORD_FILE"' - "$BATS_TEST_DIRNAME"
    assert_failure
    assert_output --partial "not in the sudoers file"
    lab sudo web2 password
}

@test "a cut host is a black hole until it is healed" {
    lab cut web2
    silent "$HOST_web2"
    lab heal web2
    connects "$HOST_web2"
    for way in in out; do
        lab cut web2 $way
        silent "$HOST_web2"
        connects "$HOST_web1"
        lab heal web2
    done
    connects "$HOST_web2"
}

@test "a delayed host answers later, on the connections it has, and can still be cut" {
    lab delay web1 300
    run lab run curl -s -o /dev/null -w '%{time_connect}' "http://$HOST_web1/"
    assert_success
    # Two clocks: the kernel's may be a tick early by curl's.
    [ "$(echo "$output" | tr -d .)" -ge 280000 ] || { echo "$output"; return 1; }
    run bash -c '"$1/lab" ssh web1 "head -c 3000000 /dev/zero" | wc -c' - "$BATS_TEST_DIRNAME"
    assert_output 3000000
    lab cut web1
    silent "$HOST_web1"
    lab heal web1
    connects "$HOST_web1"
    lab delay web1 0
    connects "$HOST_web1"
}

@test "a frozen host accepts and does not answer" {
    lab freeze web2
    connects "$HOST_web2"
    run banner "$HOST_web2" 1
    [ "$status" -eq 124 ]
    lab thaw web2
    run banner "$HOST_web2" 10
    assert_output --partial SSH-2.0
}

@test "a killed sshd refuses, and ends its sessions" {
    lab ssh web2 'echo in; exec sleep 60' >"$BATS_TEST_TMPDIR/session" 2>&1 3>&- &
    session=$!
    poll grep -q in "$BATS_TEST_TMPDIR/session"
    lab kill-ssh web2 sessions
    run wait $session
    connects "$HOST_web2"
    lab kill-ssh web2
    run connects "$HOST_web2"
    [ "$status" -eq 1 ]
    lab start-ssh web2
    poll connects "$HOST_web2"
}

@test "a crashed host is silent, and boots from its disk" {
    lab exec web2 touch /etc/kept
    lab crash web2
    silent "$HOST_web2"
    run lab exec web2 true
    assert_failure
    assert_output "lab: host web2 is not up"
    lab boot web2
    lab exec web2 test -f /etc/kept
    run lab ssh web2 hostname
    assert_output web2
}

@test "two labs at once do not see each other, and down leaves nothing" {
    other=$BATS_TEST_TMPDIR/other
    LAB_STATE=$other lab up web1:none
    LAB_STATE=$other lab exec web1 touch /etc/other
    [ ! -e "$(lab root web1 /etc/other)" ]
    host=$(cut -d' ' -f1 "$other/hosts/web1/pid")
    [ -d "/proc/$host" ]
    LAB_STATE=$other lab down
    [ ! -d "/proc/$host" ]
    [ -z "$(ls "$other/disk")" ]
    run lab check
    assert_output --partial "web1: up"
}

@test "a lab whose hub was killed is gone, and can be started again" {
    other=$BATS_TEST_TMPDIR/other
    LAB_STATE=$other lab up web1:none
    host=$(cut -d' ' -f1 "$other/hosts/web1/pid")
    kill -9 "$(cut -d' ' -f1 "$other/hub")"
    poll test ! -d "/proc/$host"
    run env LAB_STATE="$other" "$BATS_TEST_DIRNAME/lab" exec web1 true
    assert_failure
    LAB_STATE=$other lab up web1:none
    run env LAB_STATE="$other" "$BATS_TEST_DIRNAME/lab" exec web1 hostname
    assert_output web1
    LAB_STATE=$other lab down
}

@test "bad input is one line and no change" {
    for bad in "up" "up web1" "up 1x" "up a:frob" "node n1" "exec nobody true" "cut web1 sideways" "sudo web1 maybe"; do
        # shellcheck disable=SC2086
        run lab $bad
        assert_failure
        [ "${#lines[@]}" -eq 1 ]
    done
    run lab check
    assert_success
}
