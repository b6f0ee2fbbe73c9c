#!/usr/bin/env bats
# The configuration as a file: kinds, sizes, owners, passwords, and what --check does to the world.
# shellcheck disable=SC2154  # file, stderr and stderr_lines come from config.bash and run

load config

@test "files that are none" {
    refuse_file "$PWD/nosuch" "No such file or directory"
    mkdir dir
    refuse_file "$PWD/dir" "is a directory, not a configuration"
    mkfifo fifo
    refuse_file "$PWD/fifo" "is not a regular file"
    refuse_file /dev/null "is not a regular file"
    truncate -s 16777217 huge
    refuse_file "$PWD/huge" "is larger than 16 MiB: not a configuration"
    cp "$BUILD/balancerfs" binary
    check binary
    assert_equal "$status" 2
    assert_equal "${#stderr_lines[@]}" 1
    assert_regex "$stderr" ": not text: "
    if [ "$(id -u)" -eq 0 ]; then
        echo 'BALANCERS: {}' >secret
        chmod 711 . && chmod 600 secret
        run setpriv --reuid=65534 --clear-groups "$BUILD/balancerfs" --check secret
        assert_failure 2
        assert_output "secret: Permission denied"
    fi
}

@test "a file of 16 MiB is read, in bounded time" {
    {
        echo 'BALANCERS: {a: {BACKEND: dummy}}'
        yes "# $(printf 'x%.0s' {1..100})" | head -c 16700000
    } >"$file"
    check
    assert_equal "$status:$stderr" "0:"
    yes '- [' | head -c 1000000 >"$file"
    check
    assert_equal "$status" 2
}

secrets()
{
    cat >"$file" <<'YAML'
BALANCERS:
  web:
    BACKEND: nginx
    password: hunter2
YAML
}

@test "a file with a password that others may read is refused" {
    secrets
    for mode in 644 640 604 660 620 602 610; do
        chmod $mode "$file"
        check
        assert_equal "$status" 2
        assert_equal "$stderr" "$file:4:15: a password is here, and group or others may read the file (mode 0$mode): chmod 600 $file"
    done
    for mode in 600 400; do
        chmod $mode "$file"
        check
        assert_equal "$status:$stderr" "0:"
    done
    # Without one it is anybody's.
    accept <<<'BALANCERS: {a: {BACKEND: dummy}}'
    chmod 644 "$file"
    check
    assert_equal "$status:$stderr" "0:"
}

@test "a file with a password is the user's own, or root's" {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    secrets
    chown 65534 "$file"
    check
    assert_equal "$status" 2
    assert_equal "$stderr" "$file:4:15: a password is here, and the file is uid 65534's: chown 0 $file"
}

@test "a program's own keys may be anything, and may be passwords" {
    accept <<'YAML'
BALANCERS:
  a:
    BACKEND: exec
    command: [/bin/true]
    class: x.Y
    port: 22
    hosts: [a, [b, {c: ~}]]
    more: {a: &a {b: 1}, <<: *a}
    api_token: x
YAML
    chmod 644 "$file"
    check
    assert_equal "$status" 2
    assert_equal "$stderr" "$file:9:16: a password is here, and group or others may read the file (mode 0644): chmod 600 $file"
    refuse '5:8: nested too deeply: does an alias refer to what it is part of?' <<'YAML'
BALANCERS:
  a:
    BACKEND: exec
    command: [/bin/true]
    k: &k [*k]
YAML
}

@test "no error shows a password" {
    refuse '4:15: password must not be a list
5:5: PASSWORD is already in line 4
6:5: passwrod is no key of nginx: is password meant?
7:6: balancer b must be a mapping of keys, as BACKEND: nginx
10:15: password must not be a mapping' <<'YAML'
BALANCERS:
  a:
    BACKEND: nginx
    password: [hunter2]
    PASSWORD: hunter2
    passwrod: hunter2
  b: hunter2
  c:
    BACKEND: nginx
    password: {hunter2: hunter2}
YAML
    refute [ "$(grep -c hunter2 <<<"$stderr")" -gt 0 ]
    cat >"$file" <<'YAML'
BALANCERS:
  a:
    BACKEND: nginx
    password hunter2
    hosts: x
YAML
    check
    assert_equal "$status" 2
    refute_regex "$stderr" hunter2
}

@test "no two errors are on one line, whatever a value holds" {
    refuse '1:46: min_nodes must be a number: a b c' <<<'BALANCERS: {a: {backend: dummy, "min_nodes": "a\nb\x7fc"}}'
}

@test "--check contacts nobody and makes nothing" {
    accept <<YAML
BALANCERS:
  a: {BACKEND: nginx, hosts: [127.0.0.1, localhost, "[::1]:22", www.example.com], password: x}
  b: {BACKEND: dummy, file: $PWD/pools.yaml, log: $PWD/calls}
YAML
    # What asks for the user's name may speak to a cache on this machine, by a unix socket.
    [ "${TEST_KIND:-}" != valgrind ] || skip "valgrind is a program of its own"
    # Nor do leak checkers work under ptrace.
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 run strace -f -qq -o trace -e trace=socket,fork,vfork,clone,clone3,execve "$BUILD/balancerfs" --check "$file"
    assert_success
    assert_output ""
    run grep -v -e AF_UNIX -e '/balancerfs"' trace
    assert_output ""
    [ ! -e pools.yaml ]
    [ ! -e calls ]
}
