#!/usr/bin/env bats
# HAProxy on three hosts, each with another shell and awk: nodes that come and go through the stats socket, reloads where
# that cannot be, real requests.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154  # code for the hosts; options are each test's own; HOST_ and NODE_ come from lab_env

load lab
load haproxy
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    export CLI="${BUILD:-$BATS_TEST_DIRNAME/../build}/tests/driver_cli"
    lab_start h1:haproxy h2:haproxy h3:haproxy -- n1 n2 n3
    # h1 is as Debian is: dash, mawk.
    lab exec h2 sh -c 'ln -sf busybox /bin/sh; ln -sf /bin/busybox /usr/bin/awk'
    lab exec h3 ln -sf bash /bin/sh
    for host in h1 h2 h3; do
        cp "$(lab root $host /etc/haproxy/haproxy.cfg)" "$BATS_FILE_TMPDIR/haproxy.cfg"
    done
}

teardown_file()
{
    lab_stop
}

setup()
{
    local host
    for host in h1 h2 h3; do
        rm -f "$(lab root $host /etc/haproxy/pools)"/*.cfg
        cp "$BATS_FILE_TMPDIR/haproxy.cfg" "$(lab root $host /etc/haproxy/haproxy.cfg)"
    done
    options=(user="$LAB_USER" password_file="$PASSWORD_FILE" known_hosts="$KNOWN_HOSTS" hosts="$HOST_h1" hosts="$HOST_h2" hosts="$HOST_h3")
}

teardown()
{
    touch "$BATS_TEST_TMPDIR/stop"
    [ ! -e "$BATS_TEST_TMPDIR/pid" ] || kill "$(cat "$BATS_TEST_TMPDIR/pid")"
}

@test "nodes of a pool come and go in the same process, and requests follow at once" {
    with app
    before=$(pids)
    run haproxy apply "add:app/$NODE_n1" "add:app/$NODE_n2" , status
    assert_success
    for host in "$HOST_h1" "$HOST_h2" "$HOST_h3"; do
        assert_line "changes on $host: runtime: nc"
    done
    for host in h1 h2 h3; do
        assert_equal "$(answers_of $host /app/)" "n1 n2 "
    done
    run haproxy apply "add:app/$NODE_n3" "del:app/$NODE_n1" , pools
    assert_output "app
app/$NODE_n2
app/$NODE_n3"
    for host in h1 h2 h3; do
        assert_equal "$(answers_of $host /app/)" "n2 n3 "
    done
    assert_equal "$(pids)" "$before"
    same_after_reload app
}

@test "an empty pool stays, and is answered for with 503" {
    with app "add:app/$NODE_n1"
    before=$(pids)
    run haproxy apply "del:app/$NODE_n1" , pools
    assert_success
    assert_output app
    run http_get "$HOST_h2:81" /app/
    assert_output --partial "error: 503"
    assert_equal "$(pids)" "$before"
    run haproxy apply "add:app/$NODE_n2"
    assert_equal "$(answers_of h2 /app/)" "n2 "
    assert_equal "$(pids)" "$before"
}

@test "a new pool and a removed one take a reload, and are in force after it" {
    with app "add:app/$NODE_n1"
    before=$(pids)
    run haproxy apply "add:web/$NODE_n2" "add:app/$NODE_n3" , status
    assert_success
    assert_line "changes on $HOST_h1: runtime: nc (reloaded: pool web is new)"
    for host in h1 h2 h3; do
        run http_get "${HOST_h1%.*}.1${host#h}:81" /web/
        assert_output n2
        assert_equal "$(answers_of $host /app/)" "n1 n3 "
    done
    [ "$(pids)" != "$before" ]
    run haproxy apply "del:web/$NODE_n2" remove:web , status
    assert_success
    assert_line "changes on $HOST_h1: runtime: nc (reloaded: pool web is gone)"
    run ask h3 "show backend"
    refute_output --partial web
    run haproxy pools
    refute_output --partial web
}

@test "a pool that the configuration uses is not removed" {
    with app create:web
    for host in h1 h2 h3; do
        printf '\tuse_backend app if { path_beg /static }\n' >>"$(lab root $host /etc/haproxy/haproxy.cfg)"
    done
    before=$(files)
    run haproxy apply remove:web remove:app
    assert_failure
    assert_output --partial "EBUSY pool app is in use: $HOST_h1: haproxy -c: Proxy 'lab': unable to find required use_backend: 'app'"
    assert_equal "$(files)" "$before"
    run haproxy apply remove:web
    assert_success
}

@test "a configuration that one host refuses is put back on all, with the reason alone" {
    with app "add:app/$NODE_n1"
    before=$(files)
    running=$(pids)
    printf '\tbogus 1\n' >>"$(lab root h2 /etc/haproxy/haproxy.cfg)"
    run haproxy apply "add:app/$NODE_n2" "add:web/$NODE_n2"
    assert_failure
    assert_line --index 0 --partial "EREMOTEIO $HOST_h2: haproxy -c: parsing [/etc/haproxy/haproxy.cfg:"
    assert_line --index 0 --partial "unknown keyword 'bogus'"
    refute_line --index 0 --partial "NOTICE"
    assert_equal "$(files)" "$before"
    assert_equal "$(pids)" "$running"
    assert_equal "$(answers_of h1 /app/)" "n1 "
}

@test "it is tested without the certificates that HAProxy reads for its httpclient, unless that is spoken of" {
    only h1
    with app
    printf '#!/bin/sh\necho "$*" >>/tmp/runs\nexec /usr/sbin/haproxy "$@"\n' >"$(lab root h1 /usr/local/sbin/haproxy)"
    lab exec h1 chmod +x /usr/local/sbin/haproxy
    run haproxy apply "add:app/$NODE_n1"
    assert_success
    run lab exec h1 cat /tmp/runs
    assert_output "-c -f /dev/stdin -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/pools/"
    sed -i 's/^global/&\n\thttpclient.ssl.ca-file \/none/' "$(lab root h1 /etc/haproxy/haproxy.cfg)"
    run haproxy apply "add:app/$NODE_n2"
    assert_failure
    assert_output --partial "EREMOTEIO $HOST_h1: haproxy -c: Couldn't open the ca-file '/none'"
    run lab exec h1 tail -n 1 /tmp/runs
    assert_output "-c -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/pools/"
    lab exec h1 rm /usr/local/sbin/haproxy /tmp/runs
}

@test "no request fails while nodes come and go, on one connection or on new ones" {
    with app "add:app/$NODE_n1"
    before=$(pids)
    lab run perl -e "$keep_asking" "$HOST_h1" 81 /app/ "$BATS_TEST_TMPDIR/stop" >"$BATS_TEST_TMPDIR/kept" 2>"$BATS_TEST_TMPDIR/errors" 3>&- &
    until [ -e "$BATS_TEST_TMPDIR/stop" ]; do
        http_get "$HOST_h2:81" /app/ >>"$BATS_TEST_TMPDIR/new" 2>>"$BATS_TEST_TMPDIR/errors" || echo failed >>"$BATS_TEST_TMPDIR/errors"
    done 3>&- &
    for _ in 1 2 3; do
        haproxy apply "add:app/$NODE_n2" , apply "add:app/$NODE_n3" "del:app/$NODE_n1" , status , apply "del:app/$NODE_n2" , status , apply "add:app/$NODE_n1" "del:app/$NODE_n3" , status
    done >"$BATS_TEST_TMPDIR/said"
    poll eval '[ "$(grep -c . "$BATS_TEST_TMPDIR/kept")" -ge 100 ] && [ "$(grep -c . "$BATS_TEST_TMPDIR/new")" -ge 30 ]'
    touch "$BATS_TEST_TMPDIR/stop"
    wait
    run cat "$BATS_TEST_TMPDIR/errors"
    assert_output ""
    assert_equal "$(sort -u "$BATS_TEST_TMPDIR/kept" | tr '\n' ' ')" "n1 n2 n3 "
    # On a busy machine a request may take longer than is waited for.
    run grep -v -e ' up -$' -e ': runtime: nc$' -e ': runtime: nc (in maintenance until idle: app/[0-9.:]*)$' "$BATS_TEST_TMPDIR/said"
    assert_output ""
    haproxy apply "add:app/$NODE_n2" , apply "del:app/$NODE_n2"
    for host in h1 h2 h3; do
        assert_equal "$(servers $host app)" "$NODE_n1 $NODE_n1 ready 1"
    done
    assert_equal "$(pids)" "$before"
}

@test "a connection that is kept after its request is waited for, not left" {
    with app "add:app/$NODE_n1"
    before=$(pids)
    "$BATS_TEST_DIRNAME/lab" run timeout 60 bash -c 'exec 3<>"/dev/tcp/$1/81" && printf "GET /app/ HTTP/1.1\r\nHost: app\r\n\r\n" >&3 && IFS= read -r line <&3 && echo "$line" && exec sleep 60' - "$HOST_h1" >"$BATS_TEST_TMPDIR/answer" 3>&- &
    echo $! >"$BATS_TEST_TMPDIR/pid"
    poll grep 'HTTP/1.1 200' "$BATS_TEST_TMPDIR/answer"
    run haproxy apply "add:app/$NODE_n2" "del:app/$NODE_n1" , status
    assert_success
    assert_line "changes on $HOST_h1: runtime: nc"
    assert_equal "$(servers h1 app)" "$NODE_n2 $NODE_n2 ready 1"
    assert_equal "$(pids)" "$before"
}

@test "a node with a request under way leaves when that has ended, and may come back before" {
    # Answers when told.
    printf '#!/bin/sh\nwhile [ ! -e %s/go ]; do sleep 0.1; done\nprintf "HTTP/1.0 200 OK\\r\\n\\r\\nslow\\n"\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/slow"
    chmod +x "$BATS_TEST_TMPDIR/slow"
    # Not the function lab: its shell would be what the pid is of.
    "$BATS_TEST_DIRNAME/lab" run timeout 60 socat TCP-LISTEN:9000,bind=10.77.0.1,fork,reuseaddr EXEC:"$BATS_TEST_TMPDIR/slow" >/dev/null 2>&1 3>&- &
    echo $! >"$BATS_TEST_TMPDIR/pid"
    poll lab run bash -c 'exec 3<>/dev/tcp/10.77.0.1/9000'
    only h1
    with app add:app/10.77.0.1:9000
    before=$(pids)
    lab run curl -sS --max-time 30 "http://$HOST_h1:81/app/" >"$BATS_TEST_TMPDIR/answer" 2>&1 3>&- &
    curl=$!
    poll sh -c '[ "$1" = "$("$2" exec h1 ss -Htn state established dport = :9000 | wc -l)" ]' - 1 "$BATS_TEST_DIRNAME/lab"
    run haproxy apply del:app/10.77.0.1:9000 "add:app/$NODE_n2" , status
    assert_success
    assert_line "changes on $HOST_h1: runtime: nc (in maintenance until idle: app/10.77.0.1:9000)"
    assert_equal "$(answers_of h1 /app/)" "n2 "
    run haproxy apply add:app/10.77.0.1:9000 , apply "del:app/$NODE_n2"
    assert_success
    assert_equal "$(servers h1 app)" "10.77.0.1:9000 10.77.0.1:9000 ready 1"
    run haproxy apply del:app/10.77.0.1:9000 "add:app/$NODE_n2"
    touch "$BATS_TEST_TMPDIR/go"
    wait $curl
    assert_equal "$(cat "$BATS_TEST_TMPDIR/answer")" slow
    # What is idle by now goes with the next change.
    run haproxy apply "add:app/$NODE_n3"
    assert_success
    refute [ -n "$(servers h1 app | grep 9000)" ]
    assert_equal "$(pids)" "$before"
}

@test "host names are resolved before the socket is told, or it takes a reload" {
    with app
    before=$(pids)
    run haproxy apply add:app/n2:8080
    assert_success
    assert_equal "$(pids)" "$before"
    for host in h1 h2 h3; do
        assert_equal "$(answers_of $host /app/)" "n2 "
    done
    same_after_reload app
    run haproxy apply add:app/nowhere.invalid:80 "add:app/$NODE_n1" , status
    assert_success
    assert_line "changes on $HOST_h2: runtime: nc (reloaded: nowhere.invalid:80 has no address)"
    for host in h1 h2 h3; do
        assert_equal "$(answers_of $host /app/)" "n1 n2 "
    done
}

@test "IPv6 nodes" {
    only h2
    with app
    before=$(pids)
    run haproxy apply 'add:app/[fd77::1]:9006'
    assert_success
    assert_equal "$(servers h2 app)" "fd77::1:9006 fd77::1:9006 ready 1"
    run haproxy apply 'del:app/[fd77::1]:9006'
    assert_success
    assert_equal "$(servers h2 app)" ""
    assert_equal "$(pids)" "$before"
}

@test "options of a line count: weights, checks, and what the socket does not take" {
    only h1
    printf 'backend app\n\toption httpchk GET /\n\tserver a %s weight 7 check inter 200ms\n\tserver b %s cookie x\n\tserver c %s weight 3\n' \
        "$NODE_n1" "$NODE_n2" "$NODE_n3" >"$(lab root h1 /etc/haproxy/pools/app.cfg)"
    with other
    before=$(pids)
    # Old lines come back when a reload fails: what was a runtime change is taken back so.
    options+=(reload_cmd=false)
    run haproxy apply "del:app/$NODE_n1" "del:app/$NODE_n3" create:new
    assert_failure
    assert_output --partial "EREMOTEIO"
    assert_equal "$(pids)" "$before"
    assert_equal "$(servers h1 app)" "a $NODE_n1 ready 7
b $NODE_n2 ready 1
c $NODE_n3 ready 3"
}

@test "one host cannot, the others go back the way they came" {
    with app "add:app/$NODE_n1"
    # There the socket takes no new server, and the reload is refused.
    sed -i 's/balance.*/balance static-rr/' "$(lab root h3 /etc/haproxy/pools/app.cfg)"
    lab exec h3 /etc/init.d/haproxy reload
    before=$(files)
    running=$(pids)
    options+=(reload_cmd=false)
    run haproxy apply "add:app/$NODE_n2" "del:app/$NODE_n1"
    assert_failure
    assert_output --partial "EREMOTEIO $HOST_h3: false: "
    assert_equal "$(files)" "$before"
    assert_equal "$(pids)" "$running"
    for host in h1 h2 h3; do
        assert_equal "$(servers $host app)" "$NODE_n1 $NODE_n1 ready 1"
        assert_equal "$(answers_of $host /app/)" "n1 "
    done
}

@test "what the socket refuses, a reload does" {
    only h2
    with app "add:app/$NODE_n1"
    sed -i 's/balance.*/balance static-rr/' "$(lab root h2 /etc/haproxy/pools/app.cfg)"
    lab exec h2 /etc/init.d/haproxy reload
    run haproxy apply "add:app/$NODE_n2" , status
    assert_success
    assert_line "changes on $HOST_h2: runtime: nc (reloaded: Backend must use a dynamic load balancing to support dynamic servers.)"
    assert_equal "$(answers_of h2 /app/)" "n1 n2 "
}

@test "a default-server is not forgotten" {
    only h2
    printf 'backend app\n\tdefault-server check inter 200ms\n' >"$(lab root h2 /etc/haproxy/pools/app.cfg)"
    with web
    run haproxy apply "add:app/$NODE_n1" , status
    assert_success
    assert_line --partial "(reloaded: app has a default-server)"
    sed -i 's/^defaults/&\n\tdefault-server weight 9/' "$(lab root h2 /etc/haproxy/haproxy.cfg)"
    lab exec h2 /etc/init.d/haproxy reload
    run haproxy apply "add:web/$NODE_n1" , status
    assert_success
    assert_line --partial "(reloaded: web has a default-server)"
    assert_equal "$(servers h2 web)" "$NODE_n1 $NODE_n1 ready 9"
    before=$(pids)
    run haproxy apply "del:web/$NODE_n1"
    assert_success
    assert_equal "$(pids)" "$before"
}

@test "a default-server in a file beside the pools is not forgotten" {
    only h2
    with web
    printf 'defaults\n\tmode http\n\ttimeout connect 1s\n\ttimeout client 9s\n\ttimeout server 9s\n\tdefault-server weight 7\n' >"$(lab root h2 "/etc/haproxy/pools/a 0.cfg")"
    lab exec h2 /etc/init.d/haproxy reload
    run haproxy apply "add:web/$NODE_n1" , status
    assert_success
    assert_line --partial "(reloaded: web has a default-server)"
    assert_equal "$(servers h2 web)" "$NODE_n1 $NODE_n1 ready 7"
}

@test "where HAProxy runs something else than the files say, a reload makes it true" {
    only h1
    with app "add:app/$NODE_n1" "add:app/$NODE_n2"
    ask h1 "set server app/$NODE_n1 state maint;del server app/$NODE_n1"
    run haproxy apply "add:app/$NODE_n3" , status
    assert_success
    assert_line --partial "(reloaded: server $NODE_n1 of app is not running)"
    assert_equal "$(answers_of h1 /app/)" "n1 n2 n3 "
    ask h1 "add server app/mine $NODE_n1;enable server app/mine"
    run haproxy apply "del:app/$NODE_n3" , status
    assert_line --partial "(reloaded: server mine of app is in no file)"
    assert_equal "$(answers_of h1 /app/)" "n1 n2 "
    # The same name, another server.
    ask h1 "add server app/$NODE_n3 $NODE_n2"
    run haproxy apply "add:app/$NODE_n3" , status
    assert_line --partial "(reloaded: another server $NODE_n3 of app is still there)"
    assert_equal "$(answers_of h1 /app/)" "n1 n2 n3 "
    haproxy apply "del:app/$NODE_n3"
    # What somebody has disabled for a while stays disabled.
    ask h1 "disable server app/$NODE_n1"
    run haproxy apply "add:app/$NODE_n3" , status
    assert_line "changes on $HOST_h1: runtime: nc"
    assert_equal "$(answers_of h1 /app/)" "n2 n3 "
}

@test "the socket is reached by whatever program there is" {
    only h1
    sed -i 's/^global/&\n\tstats socket ipv4@127.0.0.1:9999 level admin/' "$(lab root h1 /etc/haproxy/haproxy.cfg)"
    with app
    before=$(pids)
    for way in nc socat nc perl python3; do
        for socket in /run/haproxy/admin.sock 127.0.0.1:9999; do
            options+=("runtime_socket=$socket")
            run haproxy apply "add:app/$NODE_n1" , apply "del:app/$NODE_n1" , status
            assert_success
            assert_line "changes on $HOST_h1: runtime: $way"
            only h1
        done
        lab exec h1 sh -c 'p=$(readlink -f "$(command -v '$way')") && mv "$p" "$p.off"'
        # One that knows unix sockets, but by no name that says so.
        [ "$way" != socat ] || lab exec h1 cp /bin/nc.openbsd.off /usr/local/bin/nc
    done
    assert_equal "$(pids)" "$before"
    run haproxy apply "add:app/$NODE_n1" , status
    assert_success
    assert_line "changes on $HOST_h1: runtime: none, reload (no program here reaches /run/haproxy/admin.sock: install socat)"
    assert_equal "$(answers_of h1 /app/)" "n1 "
    [ "$(pids)" != "$before" ]
    lab exec h1 sh -c 'rm /usr/local/bin/nc.off; for p in /usr/bin/*.off; do mv "$p" "${p%.off}"; done'
}

@test "without a socket, or with a dead one, it is a reload" {
    only h3
    with app
    lab exec h3 timeout 0.3 socat UNIX-LISTEN:/run/dead.sock,unlink-close=0 - </dev/null || true
    for case in "add=n1 ==runtime_socket is empty" "del==/run/none.sock=there is no socket /run/none.sock" \
        "add=n1 =/run/dead.sock=/run/dead.sock does not answer" "del==127.0.0.1:9=127.0.0.1:9 does not answer"; do
        IFS='=' read -r change answer socket why <<<"$case"
        before=$(pids)
        only h3
        options+=("runtime_socket=$socket")
        run haproxy apply "$change:app/$NODE_n1" , status
        assert_success
        assert_line "changes on $HOST_h3: runtime: none, reload ($why)"
        assert_equal "$(answers_of h3 /app/ 2>/dev/null)" "$answer"
        [ "$(pids)" != "$before" ]
    done
}

@test "a bad runtime_socket is refused" {
    for bad in run/x.sock "/run/x y" "/run/x;y" localhost localhost:0 localhost:70000 :99 "[::1:99" "-x:99" "/run/x,y"; do
        only h1
        options+=("runtime_socket=$bad")
        run haproxy pools
        assert_failure
        assert_output --partial "runtime_socket must be"
    done
}

@test "a stopped server is not started" {
    only h1
    with app
    before=$(files)
    lab exec h1 /etc/init.d/haproxy stop
    run haproxy apply "add:app/$NODE_n1"
    assert_failure
    assert_output --partial "EREMOTEIO $HOST_h1: reload of haproxy: haproxy is not running: start it first"
    assert_equal "$(files)" "$before"
    run lab exec h1 pgrep -x haproxy
    assert_failure
    lab exec h1 /etc/init.d/haproxy start
}

@test "a reload after which the old configuration runs is a failure" {
    only h1
    with app
    before=$(files)
    options+=(reload_cmd=true)
    run haproxy apply create:new
    assert_failure
    assert_output --partial "haproxy does not run the new configuration 10 s after the reload: see its log"
    assert_equal "$(files)" "$before"
}

@test "a thousand nodes in one change" {
    only h2
    with app
    before=$(pids)
    nodes=()
    for i in $(seq 250); do
        nodes+=("app/10.1.$i.1:80" "app/10.1.$i.2:80" "app/10.1.$i.3:80" "app/10.1.$i.4:80")
    done
    run haproxy apply "${nodes[@]/#/add:}"
    assert_success
    assert_equal "$(servers h2 app | grep -c ready)" 1000
    run haproxy apply "${nodes[@]/#/del:}" "add:app/$NODE_n1"
    assert_success
    assert_equal "$(servers h2 app)" "$NODE_n1 $NODE_n1 ready 1"
    assert_equal "$(pids)" "$before"
}
