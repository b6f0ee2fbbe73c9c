#!/usr/bin/env bats
# .status and .log: valid whatever a balancer says, answered at once, complete, and never met by who does not ask.
# shellcheck disable=SC2154,SC2012,SC2046  # the mount's variables; names are plain; pids are words

bats_require_minimum_version 1.5.0
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    log=$BATS_TEST_TMPDIR/log
    fail=$BATS_TEST_TMPDIR/fail
}

teardown()
{
    cd /
    mount_stop_all
}

mounted()
{
    mount_start <<YAML
BALANCERS:
  web:
    BACKEND: dummy
    log: $log
    fail_file: $fail
    cache_ttl: 1h
    mode: 0777
    pools: {app: ["a:80", "b:80"], empty: []}
  other: {BACKEND: dummy, cache_ttl: 0, pools: {app: ["a:80"]}}
YAML
    app=$MNT/web/app
}

# value FILE EXPRESSION: of the YAML, as d.
value()
{
    python3 -c 'import sys, yaml; d = yaml.safe_load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}

@test "the same of a balancer and under the root's balancers; before the first question all is unknown" {
    mounted
    assert_equal "$(value "$MNT/web/.status" 'd["state"], d["listed"], d["pools"], "last_error" in d, "last_change" in d')" \
        "('unknown', None, 0, False, False)"
    [ ! -e "$log" ]
    ls "$app" "$MNT/other" >/dev/null
    touch "$app/c:80"
    assert_equal "$(value "$MNT/web/.status" 'd["state"], d["driver"], d["pools"], d["nodes"], d["read_only"], d["changes_queued"]')" \
        "('up', 'dummy', 2, 3, False, 0)"
    [[ $(value "$MNT/web/.status" 'd["last_change"]') == *"op=touch pool=app nodes=+c:80 result=ok"* ]]
    assert_equal "$(value "$MNT/.status" 'sorted(d["balancers"]), d["balancers"]["web"]["nodes"], d["balancers"]["other"]["nodes"]')" \
        "(['other', 'web'], 3, 1)"
    mount_stop
}

@test "messages and names that a balancer makes up stay text: valid YAML, whole lines" {
    cat >driver.py <<'PY'
#!/usr/bin/python3
import sys
evil = 'no: "way"\\n- {x: [1, &a *a]} # \x1b[31m\t|> %TAG !!python/object \xff\u2028\u0085 \'q\' : ' + "long " * 300
if sys.argv[1] == "get_pools":
    print("app")
elif sys.argv[1] == "get_nodes":
    print("a:80")
    print("unix:/run/x")
    print("true")
else:
    sys.stderr.buffer.write(b"EREMOTEIO " + evil.encode("utf-8", "surrogateescape") + b"\xfe\xff\n")
    sys.exit(1)
PY
    chmod 755 driver.py
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: exec, command: [$PWD/driver.py]}
YAML
    python3 - "$MNT" <<'PY'
import errno, os, sys, yaml
mnt = sys.argv[1]
app = mnt + "/web/app"
assert os.listdir(app) == ["a:80"]
for do in (lambda: os.unlink(app + "/a:80")), (lambda: os.mkdir(mnt + "/web/new")), (lambda: os.rename(app + "/a:80", app + "/b:80")):
    try:
        do()
        raise SystemExit("accepted")
    except OSError as e:
        assert e.errno == errno.EREMOTEIO, e
    raw = open(mnt + "/web/.status", "rb").read()
    raw.decode("utf-8")
    one, all = yaml.safe_load(raw), yaml.safe_load(open(mnt + "/.status"))
    assert 'no: "way"' in one["last_error"] and one["last_errno"] == "EREMOTEIO", one
    assert all["balancers"]["web"]["last_error"] == one["last_error"]
    assert set(one) - {"balancer"} == set(all["balancers"]["web"]) and "python/object" in one["last_error"], one
log = open(mnt + "/web/.log", "rb").read().decode()
assert log.count("\n") == 3 and log.endswith("\n"), log
for line in log.splitlines():
    assert " result=EREMOTEIO " in line and line.endswith('"'), line
    assert not [c for c in line if ord(c) < 32 or 127 <= ord(c) < 160], line
PY
    mount_stop
}

@test "answered at once while the balancer hangs" {
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, latency: 10m, pools: {app: []}}
YAML
    timeout 20 cat "$MNT/web/.status" "$MNT/web/.log" >/dev/null
    ls "$MNT/web" >/dev/null 2>&1 &
    mkdir "$MNT/web/one" 2>/dev/null &
    mkdir "$MNT/web/two" 2>/dev/null &
    rmdir "$MNT/web/app" 2>/dev/null &
    sleep 0.5
    for ((i = 0; i < 20; i++)); do
        timeout 20 cat "$MNT/web/.status" "$MNT/.status" "$MNT/web/.log" >/dev/null
        timeout 20 getfattr -d "$MNT/web" >/dev/null
        timeout 20 stat "$MNT/web" "$MNT" >/dev/null
    done
    kill $(jobs -p | grep -vx "$PID")
    mount_kill
}

@test "while a change runs, .status says so, and what waits behind it" {
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, log: $log, fail_file: $fail, fail_calls: [apply], cache_ttl: 1h, pools: {app: ["a:80"]}}
YAML
    ls "$MNT/web/app" >/dev/null
    # A change hangs until a line is written.
    mkfifo "$fail"
    exec 9<>"$fail"
    timeout 60 rm "$MNT/web/app/a:80" &
    for ((i = 0; i < 200; i++)); do
        [ "$(value "$MNT/web/.status" 'd["changes_running"]')" -eq 0 ] || break
        sleep 0.02
    done
    timeout 60 touch "$MNT/web/app/b:80" &
    timeout 60 touch "$MNT/web/app/c:80" &
    for ((i = 0; i < 200; i++)); do
        seen=$(value "$MNT/web/.status" 'd["changes_running"], d["changes_queued"]')
        [ "$seen" != "(1, 2)" ] || break
        sleep 0.02
    done
    assert_equal "$seen" "(1, 2)"
    echo >&9
    for ((i = 0; i < 200; i++)); do
        ! grep -q 'changes_queued: 0' "$MNT/web/.status" || break
        sleep 0.05
    done
    echo >&9
    wait $(jobs -p | grep -vx "$PID")
    assert_equal "$(value "$MNT/web/.status" 'd["changes_running"], d["changes_queued"]')" "(0, 0)"
    mount_stop
}

@test "writing to them is EPERM, whoever it is, and they cannot be removed, renamed or replaced" {
    mounted
    python3 - "$MNT" <<'PY'
import errno, os, sys
mnt = sys.argv[1]

def refused(do, *args):
    try:
        do(*args)
    except OSError as e:
        assert e.errno == errno.EPERM, (args, e)
        return
    raise SystemExit("allowed: %s %s" % (do.__name__, args))

open(mnt + "/web/app/.tmp", "w").close()
for path in mnt + "/.status", mnt + "/web/.status", mnt + "/web/.log":
    for flags in os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_CREAT | os.O_WRONLY:
        refused(os.open, path, flags)
    refused(os.truncate, path, 0)
    refused(os.unlink, path)
    refused(os.rename, path, os.path.dirname(path) + "/x")
    assert os.stat(path).st_mode & 0o777 & ~0o444 == 0, oct(os.stat(path).st_mode)
    open(path).read()
refused(os.rename, mnt + "/web/app/.tmp", mnt + "/web/.log")
refused(os.unlink, mnt + "/web/app/.nodes")
PY
    mount_stop
}

@test "the log keeps the last 1,000, in order, each with who, what, where and how it went" {
    mounted
    python3 - "$MNT" <<'PY'
import os, re, sys
app, log = sys.argv[1] + "/web/app", sys.argv[1] + "/web/.log"
for i in range(510):
    os.close(os.open(app + "/10.0.0.1:%d" % (i + 1), os.O_CREAT | os.O_WRONLY))
    os.unlink(app + "/10.0.0.1:%d" % (i + 1))
lines = open(log).read().splitlines()
assert len(lines) == 1000, len(lines)
form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z uid=0 login=(-|\d+) pid=(\d+) command=python\S* op=(touch|rm) pool=app "
                  r"nodes=([+-])10\.0\.0\.1:(\d+) result=ok ms=\d+ hosts=-$")
told = [form.match(line) for line in lines]
assert all(told), [line for line, m in zip(lines, told) if not m][:1]
assert [m.group(4) + m.group(5) for m in told] == [s + str(i + 1) for i in range(10, 510) for s in "+-"]
assert {int(m.group(2)) for m in told} == {os.getpid()}
PY
    mkdir "$MNT/web/new"
    mv "$app/a:80" "$MNT/web/new/"
    printf 'c:80\nb:80\n' >"$app/.nodes"
    rm "$MNT/web/new/a:80"
    rmdir "$MNT/web/new"
    run sh -c 'tail -n 5 "$1" | sed "s/.*\(command=.*\) ms=.*/\1/"' sh "$MNT/web/.log"
    assert_output 'command=mkdir op=mkdir pool=new nodes=+new/ result=ok
command=mv op=mv pool=app nodes=+new/a:80,-a:80 result=ok
command=bash op=nodes pool=app nodes=+c:80 result=ok
command=rm op=rm pool=new nodes=-a:80 result=ok
command=rmdir op=rmdir pool=new nodes=-new/ result=ok'
    # The same lines are told to the log of the system.
    [ "$(grep -c 'web: .*op=touch.*result=ok' "$ERR")" -eq 510 ]
    mount_stop
}

@test "who had logged in is in the log, also behind sudo" {
    mounted
    cat >session <<'SESSION'
echo 4711 >/proc/self/loginuid || exit 77
touch "$1/c:80"
sudo -n touch "$1/d:80"
SESSION
    run bash session "$app"
    [ "$status" -ne 77 ] || skip "nobody can log in: /proc/self/loginuid cannot be written"
    rm "$app/c:80"
    run sh -c 'sed "s/.*\(uid=.*\) pid=[0-9]* \(command=[^ ]*\).*\(nodes=[^ ]*\).*/\1 \2 \3/" "$1"' sh "$MNT/web/.log"
    login=$(cat /proc/self/loginuid)
    [ "$login" != 4294967295 ] || login=-
    assert_output "uid=0 login=4711 command=touch nodes=+c:80
uid=0 login=4711 command=touch nodes=+d:80
uid=0 login=$login command=rm nodes=-c:80"
    mount_stop
}

@test "hidden ones are never listed: ls -la, find, tar, rsync, du, rm -rf do not meet them" {
    mounted
    cat "$app/.nodes" "$MNT/.status" "$MNT/web/.status" "$MNT/web/.log" >/dev/null
    assert_equal "$(ls -A "$MNT") $(ls -A "$MNT/web") $(ls -A "$app")" "other
web app
empty a:80
b:80"
    assert_equal "$(ls -la "$MNT/web" | awk 'NR > 1 { print $9 }')" ".
..
app
empty"
    find "$MNT" -printf '%P\n' | sort >seen
    assert_equal "$(grep -c '/\.\|^\.' seen)" 0
    assert_equal "$(wc -l <seen)" 9
    tar -cf - -C "$MNT/web" . | tar -tf - | sort >seen
    assert_equal "$(cat seen)" "./
./app/
./app/a:80
./app/b:80
./empty/"
    mkdir target
    rsync -an --out-format=%n "$MNT/web/" target/ | grep -v '^\./$' | sort >seen
    assert_equal "$(tr '\n' ' ' <seen)" "app/ app/a:80 app/b:80 empty/ "
    rm -rf "$app" "$MNT/web/empty"
    [ -f "$MNT/web/.status" ]
    assert_equal "$(value "$MNT/web/.status" 'd["pools"]')" 0
    mount_stop
}
