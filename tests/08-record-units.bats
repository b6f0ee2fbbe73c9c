#!/usr/bin/env bats
# What tells people what happened: lines of .log, and .status as YAML.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file() {
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export TREE
    export RECORD="${BUILD:-$TREE/build}/tests/record_cli"
}

# ---- the log --------------------------------------------------------------------------------

# entry KEY=VALUE...: the words of one entry for record_cli audit, with these instead of the usual ones.
entry() {
    declare -A w=([when]=1795563481007 [uid]=1000 [login]=1000 [pid]=4711 [command]=touch [op]=touch [pool]=app
        [changes]=+app/10.0.0.7:80 [errno]=0 [text]='' [ms]=203 [hosts]='fe1, fe2')
    local key
    for key; do w[${key%%=*}]=${key#*=}; done
    words=("${w[when]}" "${w[uid]}" "${w[login]}" "${w[pid]}" "${w[command]}" "${w[op]}" "${w[pool]}" "${w[changes]}"
        "${w[errno]}" "${w[text]}" "${w[ms]}" "${w[hosts]}")
}

# line KEY=VALUE...: what such an entry's line is.
line() {
    local words
    entry "$@"
    "$RECORD" audit "${words[@]}" | sed -n '/^--$/{n;p;q}'
}

@test "log: a success" {
    assert_equal "$(line)" "2026-11-24T23:38:01.007Z uid=1000 login=1000 pid=4711 command=touch op=touch pool=app nodes=+10.0.0.7:80 result=ok ms=203 hosts=fe1,fe2"
}

@test "log: a refusal ends with its sentence, quoted" {
    assert_equal "$(line errno=EREMOTEIO text='fe1: nginx -t: "upstream" refused' ms=4 hosts=)" "2026-11-24T23:38:01.007Z uid=1000 login=1000 pid=4711 command=touch op=touch pool=app nodes=+10.0.0.7:80 result=EREMOTEIO ms=4 hosts=- error=\"fe1: nginx -t: \\\"upstream\\\" refused\""
    [[ $(line errno=4000 text=odd) == *" result=4000 "*" error=odd" ]]
}

@test "log: what is not known is -" {
    assert_equal "$(line login=-1 pid=0 command= changes= hosts=)" "2026-11-24T23:38:01.007Z uid=1000 login=- pid=- command=- op=touch pool=app nodes=- result=ok ms=203 hosts=-"
    [[ $(line command=-) == *' command="-" '* ]]
}

@test "log: adds, deletes, pools, and nodes of another pool" {
    [[ $(line op=mv changes="-app/x:80 +app/y:80") == *" op=mv pool=app nodes=-x:80,+y:80 result"* ]]
    [[ $(line op=mv changes="-app/[::1]:80 +q/[::1]:80") == *" nodes=-[::1]:80,+q/[::1]:80 result"* ]]
    [[ $(line op=mkdir changes="+app/") == *" op=mkdir pool=app nodes=+app/ result"* ]]
    [[ $(line op=rmdir changes="-app/") == *" op=rmdir pool=app nodes=-app/ result"* ]]
}

@test "log: of many nodes eight, and how many more" {
    changes() { seq "$1" | sed 's|.*|+app/n&:80|' | tr '\n' ' '; }
    [[ $(line changes="$(changes 100)") == *" nodes=+n1:80,+n2:80,+n3:80,+n4:80,+n5:80,+n6:80,+n7:80,+n8:80,+92 result=ok"* ]]
    [[ $(line changes="$(changes 9)") == *",+n8:80,+n9:80 result=ok"* ]]
    [[ $(line changes="$(changes 10)") == *",+n8:80,+2 result=ok"* ]]
}

@test "log: whatever is in the texts, it is one line of printable text" {
    run python3 "$TREE/tests/08-control-units/log_lines.py" "$RECORD"
    assert_success
}

@test "log: refusals are warnings, the balancer stands in front" {
    local words all
    entry && all=("${words[@]}")
    entry errno=EPERM text="min_nodes 2" && all+=("${words[@]}")
    run "$RECORD" audit "${all[@]}"
    assert_success
    assert_line -n 0 --regexp '^<5> web: 2026-11-24T23:38:01\.007Z uid=1000 .*result=ok'
    assert_line -n 1 --regexp '^<4> web: 2026.*result=EPERM ms=203 hosts=fe1,fe2 error="min_nodes 2"$'
    # .log: the same lines without the name, oldest first, then the last that succeeded
    logged=$(sed -n 's/^<.> web: //p' <<<"$output")
    assert_equal "$(sed -n '/^--$/,$p' <<<"$output" | grep -v ^--)" "$logged"$'\n'"$(head -n 1 <<<"$logged")"
}

@test "log: an empty one, and the last 1,000 lines" {
    assert_equal "$("$RECORD" ring 0)" ""
    assert_equal "$("$RECORD" ring 3 | grep -o 'ms=[0-9]*' | tr '\n' ' ')" "ms=1 ms=2 ms=3 "
    "$RECORD" ring 2345 | grep -o ' ms=[0-9]*' | cut -c5- >"$BATS_TEST_TMPDIR/ms"
    diff "$BATS_TEST_TMPDIR/ms" <(seq 1346 2345)
}

@test "log: threads may write and read at once" {
    run "$RECORD" threads
    assert_success
    assert_equal "${#lines[@]}" 1000
}

@test "log: who it was" {
    bash -c 'echo $$; exec -a x sleep 60' >"$BATS_TEST_TMPDIR/pid" 3>&- &
    until [ -s "$BATS_TEST_TMPDIR/pid" ] && [ "$(cat "/proc/$!/comm")" = sleep ]; do sleep 0.05; done
    login=$(cat /proc/$!/loginuid 2>/dev/null || echo 4294967295)
    [ "$login" != 4294967295 ] || login=-1
    run "$RECORD" who $!
    kill $!
    assert_output "1234 5678 $login $! sleep"
    run "$RECORD" who 0
    assert_output "1234 5678 -1 0 "
    run "$RECORD" who 999999999
    assert_output "1234 5678 -1 999999999 "
}

# ---- the status -----------------------------------------------------------------------------

@test "status: of a new balancer" {
    run "$RECORD" plain
    assert_success
    assert_output "balancer: web
driver: dummy
state: unknown
read_only: false
listed: null
stale: false
pools: 0
nodes: 0
changes_queued: 0
changes_running: 0
refused_names: 0
hosts: []
differences: []"
}

@test "status: of one with everything" {
    run "$RECORD" status "$(printf 'nginx: [emerg] no "x"\n  in a.conf:3')"
    assert_success
    assert_output --partial "$(printf 'last_error: |-\n  nginx: [emerg] no "x"\n    in a.conf:3\nhosts:\n')"
    run "$RECORD" status "web #1: it's down"
    assert_success
    assert_output "balancer: web
driver: nginx
state: up
read_only: true
listed: 2026-11-24T23:38:00.999Z
stale: true
pools: 3
nodes: 120
changes_queued: 1
changes_running: 2
refused_names: 4
hidden_members:
  app: 2
  'no': 1
last_change_time: 2026-11-24T23:38:01.000Z
last_change: 'web #1: it''s down'
last_error_time: 2026-11-24T23:38:02.000Z
last_errno: EREMOTEIO
last_error: 'web #1: it''s down'
hosts:
- host: 'web #1: it''s down'
  state: up
  since: 2026-11-24T23:38:01.007Z
  latency_ms: 12.034
  missed_changes: 0
- host: fe2
  state: down
  since: 2026-11-24T23:38:01.123Z
  missed_changes: 3
  error_time: 2026-11-24T23:38:02.000Z
  error: 'web #1: it''s down'
differences:
- pool: app
  node: '10.0.0.1:80'
  only_on: [fe1, fe2]
- pool: '123'
  only_on: ['web #1: it''s down']
more_differences: 100
notes:
  reads: 12
  'web #1: it''s down': 'web #1: it''s down'
  way:
  - 'web #1: it''s down'
  - socat
  - '0123'"
}

@test "status: YAML reads every text back, whatever it is" {
    run python3 "$TREE/tests/08-control-units/status_yaml.py" "$RECORD"
    assert_success
}

@test "status: its keys are in the manual page" {
    keys=$({ "$RECORD" status text; "$RECORD" all x; } | sed -n 's/^[- ]*\([a-z_]*\):.*/\1/p' | grep -vxE 'balancer|version|reads|text|way|web|app|no' | sort -u)
    [ "$(wc -l <<<"$keys")" -gt 25 ]
    for key in $keys balancers; do
        grep -qE "^\.(It|Pq)?( ?Ic)? ([a-z_]+ , )*$key( |\$)" "$TREE/contrib/man/balancerfs.8" || { echo "no $key"; return 1; }
    done
}
