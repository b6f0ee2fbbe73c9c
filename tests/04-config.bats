#!/usr/bin/env bats
# The configuration: what it accepts, and every error with its place.
# shellcheck disable=SC2154  # file and stderr come from config.bash and run

load config

@test "the original's nginx example" {
    accept <<'YAML'
BALANCERS:
  my_nginx_balancer:
    BACKEND: deployment.balancer.nginx.NginxBalancer
    user: some_user_with_sudo
    password: some_password
    include_dir: /etc/nginx/sites-enabled/
    reload_cmd: /etc/init.d/nginx reload
    tmpdir: /tmp
    hosts:
    - frontend1.mydomain.com
    - frontend2.mydomain.com
YAML
}

@test "the original's varnish example" {
    accept <<'YAML'
BALANCERS:
  my_varnish_balancer:
    BACKEND: deployment.balancer.varnish.VarnishBalancer
    user: some_user_with_sudo
    password: some_password
    include_dir: /etc/varnish/
    reload_cmd: /etc/init.d/varnish reload
    tmpdir: /tmp
    hosts:
    - frontend1.mydomain.com
    - frontend2.mydomain.com
YAML
}

@test "the original's zxtm example" {
    accept <<'YAML'
BALANCERS:
  my_zxtm_balancer:
    BACKEND: deployment.balancer.zxtm.ZXTMBalancer
    URL: https://traffic.example:9090/soap
    USER: some_user
    PASSWORD: some_password
    POOL_PREFIX: vr-
YAML
}

@test "the original's dummy example" {
    accept <<'YAML'
BALANCERS:
  default:
    BACKEND: 'deployment.balancer.dummy.DummyBalancer'
YAML
}

@test "the original's example of two balancers at once" {
    accept <<'YAML'
BALANCERS:
  my_nginx_balancer:
    BACKEND: deployment.balancer.nginx.NginxBalancer
    user: some_user_with_sudo
    password: some_password
    hosts:
    - frontend1.mydomain.com
    - frontend2.mydomain.com
  my_varnish_balancer:
    BACKEND: deployment.balancer.varnish.VarnishBalancer
    user: some_user_with_sudo
    password: some_password
    hosts:
    - frontend1.mydomain.com
    - frontend2.mydomain.com
YAML
}

@test "all errors at once, in the order of the file" {
    refuse '4:5: pasword is no key of nginx: is password meant?
6:5: timout is no key of nginx: is timeout meant?
7:16: min_nodes must be a number: many
8:16: read_only must be true or false: maybe
9:18: include_dir must not be a list
10:15: test_cmd must not be a mapping
11:16: reload_cmd has no value
12:3: balancer shop has no BACKEND, as BACKEND: nginx
16:14: latency must be a time such as 200ms, 10s or 2m: 10 parsecs' <<'YAML'
BALANCERS:
  web:
    BACKEND: nginx
    pasword: x
    hosts: [a.example.com, b.example.com]
    timout: 5
    min_nodes: many
    read_only: maybe
    include_dir: [a, b]
    test_cmd: {a: b}
    reload_cmd:
  shop:
    user: x
  bad:
    BACKEND: dummy
    latency: 10 parsecs
  good:
    BACKEND: dummy
YAML
}

@test "of the keys of every balancer each bad value is reported" {
    refuse '4:14: timeout must not be 0
5:12: owner: there is no user "nosuch"
6:12: group: there is no group "nope"
7:11: mode must be octal, from 0 to 0777: 999
8:18: max_removal must be like 50%/60s or 5/60s (1 and up): 500%' <<'YAML'
BALANCERS:
  x:
    BACKEND: dummy
    timeout: 0
    owner: nosuch
    group: nope
    mode: 999
    max_removal: 500%
YAML
}

@test "what only a driver can judge is reported with the rest" {
    refuse '4:11: fail must be the name of an errno: EFOO
5:31: pool name may hold letters, digits, _ . - only: a b
6:3: x is already in line 2
10:18: include_dir relative: not an absolute path
13:12: host "b:0": the port is not a number from 1 to 65535' <<'YAML'
BALANCERS:
  x:
    BACKEND: dummy
    fail: EFOO
  y: {BACKEND: dummy, pools: {"a b": []}}
  x:
    BACKEND: dummy
  z:
    BACKEND: nginx
    include_dir: relative
  v:
    BACKEND: nginx
    hosts: ["b:0"]
YAML
}

@test "what only the file system can judge is reported with the rest" {
    refuse '2:30: owner: there is no user "nobody-of-that-name"
2:64: max_removal must be like 50%/60s or 5/60s (1 and up): much
2:76: fail must be the name of an errno: EFOO
3:30: group: there is no group "no-such-group"
4:29: mode must be octal, from 0 to 0777: 999
5:32: timeout must not be 0' <<'YAML'
BALANCERS:
  a: {BACKEND: dummy, owner: nobody-of-that-name, max_removal: much, fail: EFOO}
  b: {BACKEND: dummy, group: no-such-group}
  c: {BACKEND: dummy, mode: 999}
  d: {BACKEND: dummy, timeout: 0}
YAML
}

@test "keys without regard to case, and repeated ones" {
    accept <<'YAML'
balancers:
  web:
    backend: DUMMY
    Latency: 1ms
    MIN_NODES: 1
YAML
    refuse '5:5: Latency is already in line 4
6:5: latency is already in line 4
7:1: a second BALANCERS' <<'YAML'
BALANCERS:
  web:
    BACKEND: dummy
    LATENCY: 1
    Latency: 2
    latency: 3
balancers: {}
YAML
}

@test "names of balancers" {
    local long
    long=$(printf 'a%.0s' {1..63})
    accept <<YAML
BALANCERS: {a: {BACKEND: dummy}, A: {BACKEND: dummy}, 0: {BACKEND: dummy}, a.b_c-d: {BACKEND: dummy}, $long: {BACKEND: dummy}}
YAML
    for name in "a b" "" a/b -a .a _a ä "${long}a" ".." "a:b"; do
        refuse "2:3: \"$name\" cannot be a balancer's name: 1 to 63 letters, digits, _ . -, beginning with a letter or digit" <<YAML
BALANCERS:
  "$name": {BACKEND: dummy}
YAML
    done
    refuse '2:3: "a b" cannot be a balancer'"'"'s name: 1 to 63 letters, digits, _ . -, beginning with a letter or digit' <<'YAML'
BALANCERS:
  "a\tb": {BACKEND: dummy}
YAML
}

@test "scalars are texts, however they are written" {
    accept <<'YAML'
BALANCERS:
  a: {BACKEND: "dummy", timeout: 60, cache_ttl: 0.5, min_nodes: '2', read_only: yes, commit_delay: "200ms"}
  b: {BACKEND: !!str dummy, timeout: !!int 60, latency: !!float 0.25, pools: {1: "10.0.0.1:80", 2: , 3: [], 4: ~}, protected_pools: 1}
  c:
    BACKEND: >-
      dummy
    fail_calls: apply
YAML
    for number in 1.5 -1 0x10 1e3 "''" .inf '"1 "' 99999999999999999999; do
        cat >"$file" <<YAML
BALANCERS: {a: {BACKEND: dummy, min_nodes: $number}}
YAML
        check
        assert_equal "$status" 2
        assert_regex "$stderr" "^$file:1:44: min_nodes must be a number:"
    done
    for time in -1 1d 5ss "''" 1e3 0x5 .inf nan "1 s"; do
        cat >"$file" <<YAML
BALANCERS: {a: {BACKEND: dummy, timeout: $time}}
YAML
        check
        assert_equal "$status" 2
        assert_regex "$stderr" "^$file:1:42: timeout must be a time"
    done
}

@test "types that are no text are refused" {
    refuse '1:33: the type !vault is not understood' <<'YAML'
BALANCERS: {a: {BACKEND: dummy, !vault latency: 1}}
YAML
    refuse '2:32: the type tag:yaml.org,2002:binary is not understood
3:16: a value holds a NUL byte
4:7: a key must be a text
5:34: pools: p must be a list
6:38: p is a list of texts
7:39: fail_calls is a list of texts
8:25: BACKEND must be the name of a driver' <<'YAML'
BALANCERS:
  a: {BACKEND: dummy, latency: !!binary aGFsbG8=}
  b: {BACKEND: "dum\0my"}
  c: {[a, b]: c, BACKEND: dummy}
  d: {BACKEND: dummy, pools: {p: {q: r}}}
  e: {BACKEND: dummy, pools: {p: [x, [y]]}}
  f: {BACKEND: dummy, fail_calls: [a, {b: c}]}
  g: {user: x, BACKEND: [dummy]}
YAML
}

@test "BALANCERS must be there, and a mapping" {
    : >"$file"
    refuse_file "$file" "is empty: BALANCERS is missing"
    echo "# nothing" >"$file"
    refuse_file "$file" "is empty: BALANCERS is missing"
    echo "--- ~" >"$file"
    refuse_file "$file" "is empty: BALANCERS is missing"
    refuse '1:1: BALANCERS is missing' <<<'OTHER: 1'
    refuse '1:1: must be a mapping with the key BALANCERS' <<<'- BALANCERS'
    refuse '1:1: must be a mapping with the key BALANCERS' <<<'just a text'
    refuse '1:12: BALANCERS must be a mapping of names to balancers' <<<'BALANCERS: [a]'
    refuse '1:12: BALANCERS must be a mapping of names to balancers' <<<'BALANCERS: a'
    refuse '1:11: BALANCERS must be a mapping of names to balancers ({} for none)' <<<'BALANCERS:'
    refuse '1:16: balancer a must be a mapping of keys, as BACKEND: nginx' <<<'BALANCERS: {a: b}'
    accept <<<'BALANCERS: {}'
}

@test "other keys beside it are left unread" {
    accept <<'YAML'
DATABASES: &db {default: !secret {x: 1, x: 2}}
databases: *db
hosts: [*db, {[1]: 2}]
BALANCERS: {a: {BACKEND: dummy}}
YAML
}

@test "an unknown BACKEND lists the known ones" {
    cat >"$file" <<<'BALANCERS: {a: {BACKEND: no.such.Thing}}'
    check
    assert_equal "$status" 2
    assert_regex "$stderr" "^$file:1:26: unknown BACKEND no.such.Thing: known are .*dummy.*nginx"
}

@test "a key that is nearly known is guessed, another not" {
    refuse '1:33: latancy is no key of dummy: is latency meant?
1:45: poosl is no key of dummy: is pools meant?
1:55: hosts is no key of dummy
1:65: minnodes is no key of dummy: is min_nodes meant?
1:78: zz is no key of dummy' <<'YAML'
BALANCERS: {a: {BACKEND: dummy, latancy: 1, poosl: 1, hosts: a, minnodes: 1, zz: 1}}
YAML
}

@test "a key that a driver needs" {
    printf 'BALANCERS:\n  a:\n    BACKEND: exec\n' >"$file"
    check
    assert_equal "$status" 2
    assert_regex "$stderr" "^$file:2:3: balancer a has no command \(.*\)$"
}

@test "anchors, aliases and merge keys" {
    accept <<'YAML'
common: &common {BACKEND: dummy, latency: 1ms}
pool: &pool [10.0.0.1:80, &node 10.0.0.2:80]
BALANCERS:
  a: *common
  b:
    <<: *common
    pools: {p: *pool, q: *node}
  c:
    <<: [{latency: 5ms}, *common]
  d: &d
    <<: *common
    latency: 2ms
  e:
    <<: *d
    LATENCY: 3ms
YAML
    # The nearer one wins: if the farther did, it would be an error here.
    accept <<'YAML'
x: &x {BACKEND: dummy, latency: bad}
BALANCERS:
  a: {<<: *x, Latency: 1}
  b: {<<: [{latency: 1}, *x]}
YAML
    refuse '1:33: latency must be a time such as 200ms, 10s or 2m: bad' <<'YAML'
x: &x {BACKEND: dummy, latency: bad}
BALANCERS:
  a: {<<: [*x, {latency: 1}]}
  b: *x
YAML
    refuse '2:11: << takes a mapping
3:12: << takes mappings' <<'YAML'
BALANCERS:
  a: {<<: 1, BACKEND: dummy}
  b: {<<: [1], BACKEND: dummy}
YAML
    refuse '1:16: found undefined alias' <<<'BALANCERS: {a: *nobody}'
}

@test "aliases that would never end are refused" {
    refuse '1:16: nested too deeply: does an alias refer to what it is part of?' <<<'BALANCERS: {a: &a {BACKEND: dummy, <<: *a}}'
    refuse '1:12: nested too deeply: does an alias refer to what it is part of?' <<<'BALANCERS: &a {<<: *a}'
    {
        echo "a0: &a0 {BACKEND: dummy}"
        for i in {1..12}; do
            echo "a$i: &a$i {<<: [*a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1))]}"
        done
        echo "BALANCERS: {x: *a12}"
    } >"$file"
    check
    assert_equal "$status" 2
    assert_regex "$stderr" "^$file:[0-9]+:[0-9]+: aliases make this too large$"
    # Much text, often.
    {
        echo "t: &t [&x $(printf 'a%.0s' {1..4000})$(printf ', *x%.0s' {1..5000})]"
        echo "BALANCERS: {a: {BACKEND: dummy, refuse: *t}, b: {BACKEND: dummy, refuse: *t}, c: {BACKEND: dummy, refuse: *t}, d: {BACKEND: dummy, refuse: *t}}"
    } >"$file"
    check
    assert_equal "$status" 2
    assert_regex "$stderr" "^$file:1:8: aliases make this too large$"
}

@test "bad YAML has a place too" {
    refuse "3:4: did not find expected ',' or ']', while parsing a flow sequence that begins in line 2" <<'YAML'
BALANCERS:
  a: [1
  b: 3
YAML
    refuse '3:3: found character that cannot start any token, while scanning for the next token that begins in line 3' <<<$'BALANCERS:\n  a:\n  \tb: 1'
    refuse '3:5: a second YAML document begins here: only one can be read' <<'YAML'
BALANCERS: {}
# Nobody would read this:
--- {BALANCERS: {}}
YAML
    printf 'BALANCERS: {}\n--- {' >"$file"
    check
    assert_equal "$status" 2
    printf 'BALANCERS:\n  a: b\x01c\n' >"$file"
    check
    assert_equal "$stderr" "$file:2:7: not text: control characters are not allowed"
    printf 'BALANCERS:\n  \xff: 1\n' >"$file"
    check
    assert_equal "$stderr" "$file:2:3: not text: invalid leading UTF-8 octet"
}

