#!/usr/bin/env bats
# .nodes: a pool as a list, read and written with every kind of program, as one transaction or not at all.
# shellcheck disable=SC2016,SC2154  # expanded elsewhere; the mount's variables

bats_require_minimum_version 1.5.0
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    log=$BATS_TEST_TMPDIR/log
    fail=$BATS_TEST_TMPDIR/fail
    kept=$BATS_TEST_TMPDIR/kept.yaml
}

teardown()
{
    cd /
    mount_stop_all
}

mounted()
{
    mount_start "$@" <<YAML
BALANCERS:
  web:
    BACKEND: dummy
    log: $log
    fail_file: $fail
    file: $kept
    refuse: ["10.6.6.6:80"]
    cache_ttl: 1h
    pools:
      app: ["b:80", "a:80", "10.0.0.1:80"]
      empty: []
YAML
    app=$MNT/web/app
    cat "$app/.nodes" >/dev/null
    calls >/dev/null
}

poll()
{
    local i
    for ((i = 0; i < 200; i++)); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    echo "still not so: $*" >&2
    return 1
}

write_x()
{
    printf 'x:80\n' | tee "$app/.nodes"
}

# One apply with these changes has reached the balancer, and nothing else but listings.
applied()
{
    assert_equal "$(calls | grep -v get_)" "apply $*"
}

nothing_applied()
{
    assert_equal "$(calls | grep -v get_)" ""
}

listed()
{
    assert_equal "$(cd "$app" && printf '%s ' *)" "$* "
}

@test "reading: sorted, one a line; of an empty pool nothing" {
    mounted
    assert_equal "$(cat "$app/.nodes")" "10.0.0.1:80
a:80
b:80"
    assert_equal "$(stat -c '%F %s %a %h' "$app/.nodes" "$MNT/web/empty/.nodes")" "regular file 22 644 1
regular empty file 0 644 1"
    assert_equal "$(cat "$MNT/web/empty/.nodes")" ""
    touch "$app/aa:80"
    assert_equal "$(cat "$app/.nodes")" "10.0.0.1:80
a:80
aa:80
b:80"
    [ ! -e "$MNT/web/.nodes" ]
    [ ! -e "$MNT/.nodes" ]
    mount_stop
}

@test "a text is read back byte for byte while the pool is what it says" {
    mounted
    for text in '# front\n\nb:80\n  a:80\t\n' 'b:80\r\na:80\r\n' 'a:80\nb:80' '\n\n#\nb:80\nb:80\na:80\n'; do
        printf %b "$text" >want
        cp want "$app/.nodes"
        cmp want "$app/.nodes"
        listed a:80 b:80
        assert_equal "$(stat -c %s "$app/.nodes")" "$(stat -c %s want)"
    done
    touch "$app/c:80"
    assert_equal "$(cat "$app/.nodes")" "$(printf 'a:80\nb:80\nc:80')"
    rm "$app/c:80"
    cmp want "$app/.nodes"
    # Somebody else changes the pool: the text holds no more.
    mv "$app/a:80" "$app/d:80"
    assert_equal "$(cat "$app/.nodes")" "$(printf 'b:80\nd:80')"
    mount_stop
}

@test "every way to write: one transaction with one reload" {
    mounted
    list=$BATS_TEST_TMPDIR/list n=0
    while read -r way; do
        n=$((n + 1))
        printf 'a:80\n10.1.0.%d:80\n' $n >"$list"
        (cd "$app" && sh -c "$way" way "$list" </dev/null) || { echo "failed: $way"; return 1; }
        assert_equal "$way: $(calls | grep -c apply)" "$way: 1"
        cmp "$list" "$app/.nodes" || { echo "not kept: $way"; return 1; }
        assert_equal "$way: $(cd "$app" && echo * .[!n]*)" "$way: 10.1.0.$n:80 a:80 .[!n]*"
    done <<'WAYS'
cat "$1" > .nodes
cat "$1" > "$PWD/.nodes"
{ cat "$1"; } > .nodes
{ head -n 1 "$1"; tail -n 1 "$1"; } > .nodes
exec 3> .nodes; head -n 1 "$1" >&3; tail -n 1 "$1" >&3; exec 3>&-
while read -r l; do echo "$l"; done < "$1" > .nodes
tee .nodes < "$1" > /dev/null
cp "$1" .nodes
cp --preserve "$1" .nodes
dd if="$1" of=.nodes status=none
dd if="$1" of=.nodes bs=1 status=none
cp "$1" .tmp && mv .tmp .nodes
cp "$1" a:80.new && mv -f a:80.new .nodes
sed -i "/^10/s/.*/$(tail -n 1 "$1")/" .nodes
perl -i -pe "s/^10.*/$(tail -n 1 "$1")/" .nodes
vim -u NONE -es -c "2s/.*/$(tail -n 1 "$1")/" -c wq .nodes
vim -u NONE -es -c "set backup backupcopy=no" -c "2s/.*/$(tail -n 1 "$1")/" -c wq .nodes
python3 -c "import sys; open('.nodes', 'w').write(open(sys.argv[1]).read())" "$1"
python3 -c "import sys; f = open('.nodes', 'wb', 0); [f.write(bytes([b])) for b in open(sys.argv[1], 'rb').read()]; f.close()" "$1"
python3 -c "import os, sys; f = os.open('.nodes', os.O_RDWR); t = open(sys.argv[1], 'rb').read(); os.write(f, t); os.ftruncate(f, len(t)); os.close(f)" "$1"
python3 -c "import sys, pathlib; pathlib.Path('.nodes').write_bytes(open(sys.argv[1], 'rb').read())" "$1"
python3 -c "import os, sys, tempfile, shutil; f = tempfile.NamedTemporaryFile(dir='.', delete=False); f.write(open(sys.argv[1], 'rb').read()); f.close(); os.replace(f.name, '.nodes')" "$1"
rsync -I --inplace "$1" ./.nodes
rsync -I "$1" ./.nodes
WAYS
    assert_equal "$n" 24
    mount_stop
}

@test "appending: >>, tee -a and O_APPEND add to what is there" {
    mounted
    echo 'c:80' >>"$app/.nodes"
    applied app+c:80
    echo 'd:80' | tee -a "$app/.nodes" >/dev/null
    applied app+d:80
    python3 -c "
import os, sys
f = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
os.write(f, b'e:80\n')
os.lseek(f, 0, 0)
os.write(f, b'f:80\n')
os.close(f)" "$app/.nodes"
    applied app+e:80 app+f:80
    assert_equal "$(cat "$app/.nodes")" "$(printf '%s\n' 10.0.0.1:80 a:80 b:80 c:80 d:80 e:80 f:80)"
    mount_stop
}

@test "a bad line refuses all: EINVAL from close, and the line is named in .status, .log and the xattr" {
    mounted
    cat "$app/.nodes" >before
    printf 'a:80\nweb1\n' >list
    for way in 'cp list "$1"' 'tee "$1" <list'; do
        run sh -c "$way" way "$app/.nodes"
        assert_failure 1
        assert_output --partial "Invalid argument"
    done
    python3 - "$MNT/web" "$app" <<'PY'
import errno, os, sys, yaml
web, app = sys.argv[1:]

def says(what, do):
    try:
        do()
        raise SystemExit("accepted: %r" % what)
    except OSError as e:
        assert e.errno == errno.EINVAL, (what, e)

def write(path, text):
    f = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CREAT)
    os.write(f, text)
    return f

for text, line in (b"a:80\nb:99999\n", 2), (b"# c\n\nweb1\n", 3), (b"10.6.0.1:080\na:80", 1), (b"x:80\n y:http\nz:\n", 2), \
        (b"a:80 # a comment behind\n", 1), (b"a:80,b:80\n", 1), (b"a:80\0b:80\n", 1), (b"- a:80\n", 1), (b"\xff:80\n", 1):
    f = write(app + "/.nodes", text)
    says(text, lambda: os.close(f))
    f = write(app + "/.nodes", text)
    says(text, lambda: os.fsync(f))
    os.close(f)
    os.close(write(app + "/.x", text))
    says(text, lambda: os.rename(app + "/.x", app + "/.nodes"))
    os.unlink(app + "/.x")
    for told in yaml.safe_load(open(web + "/.status"))["last_error"], open(web + "/.log").readlines()[-1], \
            os.getxattr(app, "user.balancerfs.error").decode(errors="replace"):
        assert "app/.nodes: line %d: " % line in told, (text, told)
PY
    nothing_applied
    cmp before "$app/.nodes"
    listed 10.0.0.1:80 a:80 b:80
    mount_stop
}

@test "a truncation alone is no change; an empty list that is written is" {
    mounted
    : >"$app/.nodes"
    truncate -s 0 "$app/.nodes"
    python3 -c 'import sys; open(sys.argv[1], "w").close()' "$app/.nodes"
    cp /dev/null "$app/.nodes"
    listed 10.0.0.1:80 a:80 b:80
    nothing_applied
    echo >"$app/.nodes"
    applied app-10.0.0.1:80 app-a:80 app-b:80
    assert_equal "$(cat "$app/.nodes")" ""
    printf '\n' | cmp - "$app/.nodes"
    [ -d "$app" ]
    echo '# nobody' >"$MNT/web/empty/.nodes"
    nothing_applied
    mount_stop
}

@test "a write that changes nothing makes no remote change, and still keeps the text" {
    mounted
    printf '# all three\nb:80\na:80\n10.0.0.1:80\n' >list
    cp list "$app/.nodes"
    cp list "$app/.nodes"
    nothing_applied
    cmp list "$app/.nodes"
    assert_equal "$(cat "$MNT/web/.log")" ""
    mount_stop
}

@test "one list, one apply: additions before deletions; what the balancer refuses changes nothing" {
    mounted
    printf 'a:80\nz:80\n00.a:80\n' >"$app/.nodes"
    applied app+00.a:80 app+z:80 app-10.0.0.1:80 app-b:80
    run cp <(printf 'a:80\n10.6.6.6:80\n') "$app/.nodes"
    assert_failure 1
    assert_output --partial "Remote I/O error"
    listed 00.a:80 a:80 z:80
    printf 'a:80\nz:80\n00.a:80\n' | cmp - "$app/.nodes"
    run tail -n 1 "$MNT/web/.log"
    assert_output --partial "op=nodes pool=app nodes=+10.6.6.6:80,-00.a:80,-z:80 result=EREMOTEIO"
    mount_stop
}

@test "10,000 lines come and go in one apply each" {
    mounted
    seq 0 9999 | awk '{ print "10." int($1 / 65536) "." int($1 / 256) "." $1 % 256 ":80" }' >list
    cp list "$app/.nodes"
    assert_equal "$(calls | grep -c apply)" 1
    cmp list "$app/.nodes"
    assert_equal "$(find "$app" -type f | wc -l)" 10000
    head -n 5000 list >half
    cp half "$app/.nodes"
    assert_equal "$(calls | grep -c apply)" 1
    assert_equal "$(find "$app" -type f | wc -l)" 5000
    assert_equal "$(errno 'os.pwrite(os.open(a[0], os.O_WRONLY), b"x", 64 << 20)' "$app/.nodes")" EFBIG
    assert_equal "$(errno 'os.ftruncate(os.open(a[0], os.O_WRONLY), (64 << 20) + 1)' "$app/.nodes")" EFBIG
    nothing_applied
    mount_stop
}

@test "a child that inherited the file does not commit half a list" {
    mounted
    { /bin/echo a:80; /bin/echo b:80; /bin/echo c:80; } >"$app/.nodes"
    applied app+c:80 app-10.0.0.1:80
    (/bin/echo a:80; /bin/sleep 0; /bin/echo d:80) >"$app/.nodes"
    applied app+d:80 app-b:80 app-c:80
    python3 -c '
import subprocess, sys
with open(sys.argv[1], "wb") as f:
    for node in "a:80", "e:80", "f:80":
        subprocess.run(["/bin/echo", node], stdout=f, check=True)' "$app/.nodes"
    applied app+e:80 app+f:80 app-d:80
    # Only children wrote, and the bad line is found when the one who opened it closes it.
    run bash -c '{ /bin/echo a:80 && /bin/echo nonsense; } >"$1"; true' bash "$app/.nodes"
    nothing_applied
    run tail -n 1 "$MNT/web/.log"
    assert_output --partial "line 2: "
    mount_stop
}

@test "a writer that is killed in the middle of its list has changed nothing" {
    mounted
    for how in 'os.kill(os.getpid(), 9)' 'os.kill(os.getpid(), 2)' 'os.abort()'; do
        run python3 -c "
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
f = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
os.write(f, b'a:80\n')
$how" "$app/.nodes"
        assert_failure
    done
    listed 10.0.0.1:80 a:80 b:80
    nothing_applied
    run tail -n 1 "$MNT/web/.log"
    assert_output --partial "killed"
    # One that ends without closing has written its list.
    python3 -c 'import os, sys; f = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC); os.write(f, b"a:80\n"); os._exit(0)' "$app/.nodes"
    applied app-10.0.0.1:80 app-b:80
    mount_stop
}

@test "two writers at once: the pool is one of the two lists, never a mixture" {
    mounted
    seq 1 200 | sed 's/.*/10.1.1.&:80/' >one
    seq 1 200 | sed 's/.*/10.2.2.&:80/' >two
    for _ in 1 2 3; do
        cp one "$app/.nodes" &
        first=$!
        cp two "$app/.nodes" &
        wait $! $first
        cmp one "$app/.nodes" || cmp two "$app/.nodes"
        assert_equal "$(find "$app" -type f | wc -l)" 200
    done
    # Each open file is a text of its own.
    exec 5>"$app/.nodes" 6>"$app/.nodes"
    echo a:80 >&5
    echo b:80 >&6
    exec 5>&-
    poll listed a:80
    exec 6>&-
    listed b:80
    mount_stop
}

@test "a shell that closes one of its descriptors has not ended its list" {
    mounted
    exec 5>"$app/.nodes"
    echo a:80 >&5
    echo q:80 >&5
    nothing_applied
    exec 5>&-
    applied app+q:80 app-10.0.0.1:80 app-b:80
    # One that it reads from is none that it writes.
    exec 5<"$app/.nodes"
    run cp <(echo nonsense) "$app/.nodes"
    assert_failure
    assert_equal "$(errno 'r = os.open(a[0], os.O_RDONLY); w = os.open(a[0], os.O_WRONLY); os.write(w, b"nonsense"); os.close(w)' "$app/.nodes")" EINVAL
    exec 5<&-
    mount_stop
}

@test "the size: of the text that is open to lseek, of what there is to stat" {
    mounted
    python3 - "$app/.nodes" <<'PY'
import os, sys
f = os.open(sys.argv[1], os.O_RDWR)
assert os.fstat(f).st_size == os.lseek(f, 0, os.SEEK_END) == 22
os.ftruncate(f, 0)
assert os.lseek(f, 0, os.SEEK_END) == 0
os.write(f, b"a:80\nq:80\n")
assert os.lseek(f, 0, os.SEEK_END) == 10
assert os.pread(f, 100, 0) == b"a:80\nq:80\n"
os.ftruncate(f, 5)
assert os.lseek(f, 0, os.SEEK_END) == 5
os.close(f)
assert os.stat(sys.argv[1]).st_size == 5
assert open(sys.argv[1]).read() == "a:80\n"
PY
    applied app-10.0.0.1:80 app-b:80
    mount_stop
}

@test "the size is that of the text, whatever changes it" {
    mounted
    same_size()
    {
        assert_equal "$(stat -c %s "$app/.nodes")" "$(wc -c <"$app/.nodes")"
        assert_equal "$(stat -c %s "$app/.nodes")" "$1"
    }
    same_size 22
    touch "$app/10.0.0.2:80"
    same_size 34
    mv "$app/10.0.0.2:80" "$app/longer.example:80"
    same_size 40
    mv "$app/longer.example:80" "$MNT/web/empty/"
    same_size 22
    printf '# mine\na:80\n' >"$app/.nodes"
    same_size 12
    mv "$MNT/web/empty/longer.example:80" "$app/"
    same_size 23
    rm "$app/longer.example:80"
    same_size 12
    echo c:8080 >"$app/.new"
    mv "$app/.new" "$app/.nodes"
    same_size 7
    # What others change, once the list is read again.
    printf 'app: ["d:80", "10.0.0.3:80"]\nempty: []\n' >"$kept"
    echo EIO >"$fail"
    run touch "$app/x:80"
    assert_failure
    rm "$fail"
    poll cat "$app/.nodes"
    same_size 17
    mount_stop
}

@test "fsync commits and reports; close then has nothing left to do" {
    mounted
    python3 - "$app/.nodes" <<'PY'
import errno, os, sys
f = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
os.write(f, b"a:80\ns:80\n")
os.fsync(f)
assert sorted(os.listdir(os.path.dirname(sys.argv[1]))) == ["a:80", "s:80"]
os.close(f)
f = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
os.write(f, b"a:80\n10.6.6.6:80\n")
try:
    os.fsync(f)
    raise SystemExit("fsync says that all is well")
except OSError as e:
    assert e.errno == errno.EREMOTEIO, e
os.close(f)
PY
    assert_equal "$(calls | grep -c apply)" 2
    listed a:80 s:80
    sync "$app/.nodes" "$app"
    nothing_applied
    mount_stop
}

@test "the pool vanished meanwhile: ENOENT, and it does not come back" {
    mounted
    exec 5>"$app/.nodes"
    echo q:80 >&5
    rm "$app"/*
    rmdir "$app"
    calls >/dev/null
    run python3 -c 'import os; os.fsync(5)'
    assert_failure
    assert_output --partial "No such file or directory"
    exec 5>&- || true
    nothing_applied
    [ ! -e "$app" ]
    mount_stop
}

@test "the balancer is down: the errno from close, the pool as it was, and the next write works" {
    mounted
    for num in EACCES EREMOTEIO EIO ENOSPC EBUSY EHOSTUNREACH; do
        echo $num >"$fail"
        assert_equal "$(errno 'f = os.open(a[0], os.O_WRONLY | os.O_TRUNC); os.write(f, b"x:80\n"); os.close(f)' "$app/.nodes")" $num
        rm "$fail"
        poll listed 10.0.0.1:80 a:80 b:80
    done
    [ ! -e "$kept" ]
    # After a failed connection the balancer answers with the same error for a while.
    poll write_x
    listed x:80
    mount_stop
}

@test "-o ro and a read-only balancer: reading works, writing does not" {
    mounted -o ro
    cat "$app/.nodes" >before
    assert_equal "$(errno 'os.open(a[0], os.O_WRONLY)' "$app/.nodes")" EROFS
    cmp before "$app/.nodes"
    mount_stop
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: dummy, log: $log, read_only: true, pools: {app: ["a:80"]}}
YAML
    app=$MNT/web/app
    calls >/dev/null
    run cp before "$app/.nodes"
    assert_failure 1
    assert_output --partial "Read-only file system"
    nothing_applied
    mount_stop
}
