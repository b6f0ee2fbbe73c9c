#!/usr/bin/env bats
# Dialects against golden files, and the golden files against the real servers.
#
# A case is a directory 03-dialects/DIALECT/NAME:
#   in/       the directory before (absent: empty)     changes  add|delete|create|remove POOL [NODE]
#   out/      the directory after                      list     what is listed before and after, what
#   version   vcl_version, when not 4                           was written in which order, or the error
#   text-only why the server cannot be asked about it

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file() {
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export TREE
    export CLI="${BUILD:-$TREE/build}/tests/dialect_cli"
}

cases_of() { # DIALECT: the directories of its cases
    find "$TREE/tests/03-dialects/$1" -mindepth 1 -maxdepth 1 -type d | sort
}

run_case() { # DIALECT CASE OUT: transcript
    local version=4
    [ ! -f "$2/version" ] || version=$(cat "$2/version")
    "$CLI" -v "$version" "$1" "$2" "$3"
}

golden() { # DIALECT: fails with a diff of every case that differs
    local dialect=$1 case out failed=0 n=0
    for case in $(cases_of "$dialect"); do
        n=$((n + 1))
        out=$(mktemp -d "$BATS_TEST_TMPDIR/out.XXXXXX")
        mkdir -p "$out/want" "$out/got"
        [ ! -d "$case/out" ] || cp "$case/out/"* "$out/want"
        if ! run_case "$dialect" "$case" "$out/got" >"$out/list" 2>&1; then
            echo "$dialect/${case##*/}: the program failed"
            failed=1
        fi
        if ! diff -u "$case/list" "$out/list" || ! diff -ur "$out/want" "$out/got"; then
            echo "$dialect/${case##*/} differs"
            failed=1
        fi
    done
    [ "$n" -ge 20 ] || { echo "only $n cases of $dialect"; return 1; }
    return "$failed"
}

judged() { # DIALECT COMMAND...: the command passes judgement on a directory with the case's out/
    local dialect=$1 case dir failed=0 n=0
    shift
    for case in $(cases_of "$dialect"); do
        [ ! -f "$case/text-only" ] || continue
        n=$((n + 1))
        dir=$(mktemp -d "$BATS_TEST_TMPDIR/judge.XXXXXX")
        chmod 755 "$dir"
        mkdir -p "$dir/pools" "$dir/tmp"
        [ ! -d "$case/out" ] || cp "$case/out/"* "$dir/pools"
        if ! "$@" "$dir" >"$dir/said" 2>&1; then
            echo "$dialect/${case##*/} is refused:"
            cat "$dir/said"
            failed=1
        fi
        rm -rf "$dir"
    done
    [ "$n" -ge 15 ] || { echo "only $n cases of $dialect judged"; return 1; }
    return "$failed"
}

generated() { # DIALECT N FILE: a pool of N nodes of which every one was replaced
    mkdir -p "$BATS_TEST_TMPDIR/big"
    "$CLI" -g "$2" "$1" "$BATS_TEST_TMPDIR/big" >"$BATS_TEST_TMPDIR/list"
    [ "$(grep -c ':80$' "$BATS_TEST_TMPDIR/list")" -eq "$2" ]
    ! grep -q '10\.0\.0\.0:80' "$BATS_TEST_TMPDIR/list"
}

promises() { # DIALECT FILE N: dialect_property.h of all texts there are, and of N made of each
    local texts
    mapfile -t texts < <(find "$TREE/tests/03-dialects/$1" -path '*/in/*' -type f | sort)
    [ ${#texts[@]} -ge 20 ]
    "${CLI%/*}/dialect_property" "$1" "$2" "$3" "${texts[@]}"
}

# ---- nginx ----------------------------------------------------------------------------------

nginx_accepts() { # DIR with pools/
    cat >"$1/nginx.conf" <<END
pid $1/pid; error_log stderr; events {}
http { access_log off; client_body_temp_path $1/tmp; proxy_temp_path $1/tmp; fastcgi_temp_path $1/tmp;
       uwsgi_temp_path $1/tmp; scgi_temp_path $1/tmp; include $1/pools/*; }
END
    nginx -t -q -e stderr -c "$1/nginx.conf"
}

@test "nginx: every case gives its golden files" {
    run golden nginx
    assert_success
}

@test "nginx: nginx -t accepts every golden file" {
    run judged nginx nginx_accepts
    assert_success
}

@test "nginx: nginx -t can refuse" {
    mkdir -p "$BATS_TEST_TMPDIR/x/pools" "$BATS_TEST_TMPDIR/x/tmp"
    echo 'upstream app {}' >"$BATS_TEST_TMPDIR/x/pools/app.conf"
    run ! nginx_accepts "$BATS_TEST_TMPDIR/x"
}

@test "nginx: what is added is there, what is deleted is gone, all else stays" {
    run promises nginx app.conf 1000
    assert_success
}

@test "nginx: 10,000 nodes, all replaced in one edit, are accepted" {
    generated nginx 10000
    mkdir -p "$BATS_TEST_TMPDIR/y/tmp"
    mv "$BATS_TEST_TMPDIR/big" "$BATS_TEST_TMPDIR/y/pools"
    nginx_accepts "$BATS_TEST_TMPDIR/y"
}

# ---- haproxy --------------------------------------------------------------------------------

haproxy_accepts() { # DIR with pools/
    cat >"$1/haproxy.cfg" <<END
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
defaults plain
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend main
    bind 127.0.0.1:8097
END
    haproxy -c -q -f "$1/haproxy.cfg" -f "$1/pools"
}

@test "haproxy: every case gives its golden files" {
    run golden haproxy
    assert_success
}

@test "haproxy: haproxy -c accepts every golden file" {
    run judged haproxy haproxy_accepts
    assert_success
}

@test "haproxy: haproxy -c can refuse" {
    mkdir -p "$BATS_TEST_TMPDIR/x/pools"
    printf 'backend app' >"$BATS_TEST_TMPDIR/x/pools/app.cfg"
    run ! haproxy_accepts "$BATS_TEST_TMPDIR/x"
}

@test "haproxy: what is added is there, what is deleted is gone, all else stays" {
    run promises haproxy app.cfg 1000
    assert_success
}

@test "haproxy: 10,000 nodes, all replaced in one edit, are accepted" {
    generated haproxy 10000
    mkdir -p "$BATS_TEST_TMPDIR/y"
    mv "$BATS_TEST_TMPDIR/big" "$BATS_TEST_TMPDIR/y/pools"
    haproxy_accepts "$BATS_TEST_TMPDIR/y"
}

# ---- apache ---------------------------------------------------------------------------------

apache_accepts() { # DIR with pools/
    local module
    {
        echo "ServerName test"
        echo "ServerRoot $1"
        echo "PidFile $1/pid"
        echo "ErrorLog $1/log"
        echo "DefaultRuntimeDir $1/tmp"
        echo "Listen 127.0.0.1:8096"
        for module in mpm_event authz_core proxy proxy_http proxy_ajp proxy_balancer slotmem_shm lbmethod_byrequests; do
            echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
        done
        echo "IncludeOptional $1/pools/*.conf"
    } >"$1/apache.conf"
    /usr/sbin/apache2 -t -f "$1/apache.conf"
}

@test "apache: every case gives its golden files" {
    run golden apache
    assert_success
}

@test "apache: apache2 -t accepts every golden file" {
    run judged apache apache_accepts
    assert_success
}

@test "apache: apache2 -t can refuse" {
    mkdir -p "$BATS_TEST_TMPDIR/x/pools" "$BATS_TEST_TMPDIR/x/tmp"
    echo '<Proxy balancer://app>' >"$BATS_TEST_TMPDIR/x/pools/app.conf"
    run ! apache_accepts "$BATS_TEST_TMPDIR/x"
}

@test "apache: what is added is there, what is deleted is gone, all else stays" {
    run promises apache app.conf 1000
    assert_success
}

@test "apache: 10,000 nodes, all replaced in one edit, are accepted" {
    generated apache 10000
    mkdir -p "$BATS_TEST_TMPDIR/y/tmp"
    mv "$BATS_TEST_TMPDIR/big" "$BATS_TEST_TMPDIR/y/pools"
    apache_accepts "$BATS_TEST_TMPDIR/y"
}

# ---- varnish --------------------------------------------------------------------------------
# -j none: else it compiles as another user, who cannot read what is here.

varnish_compiles() { # DIR with pools/, COMPILER: the command that makes %o of %s
    [ -e "$1/pools/pools.vcl" ] || : >"$1/pools/pools.vcl"
    printf 'vcl 4.1;\nbackend default none;\ninclude "%s/pools/pools.vcl";\n' "$1" >"$1/main.vcl"
    varnishd -j none -C -p "cc_command=$2" -f "$1/main.vcl" >"$1/said" 2>&1 || { cat "$1/said"; return 1; }
}

# varnishd makes C of it; gcc then takes 20 times as long, and would be asked the same each time.
varnish_accepts() { # DIR with pools/
    local dir=$BATS_TEST_TMPDIR/compiled
    if [ ! -e "$dir/vgc.so" ]; then
        mkdir -p "$dir/pools"
        varnish_compiles "$dir" "gcc -fpic -shared -Wl,-x -O0 -o %o %s && cp %o $dir/" || return 1
    fi
    varnish_compiles "$1" "cp $dir/vgc.so %o"
}

@test "varnish: every case gives its golden files" {
    run golden varnish
    assert_success
}

@test "varnish: varnishd accepts every golden file" {
    run judged varnish varnish_accepts
    assert_success
}

@test "varnish: varnishd can refuse" {
    mkdir -p "$BATS_TEST_TMPDIR/x/pools"
    echo 'director app round-robin { }' >"$BATS_TEST_TMPDIR/x/pools/pools.vcl"
    run varnish_accepts "$BATS_TEST_TMPDIR/x"
    assert_failure
    assert_output --partial "Found: 'director'"
}

@test "varnish: what is added is there, what is deleted is gone, all else stays" {
    run promises varnish pool-app.vcl 300
    assert_success
}

@test "varnish: pools go with vcl 4.0, too, and with a path relative to the main file" {
    local dir=$BATS_TEST_TMPDIR/v
    mkdir -p "$dir/in/pools" "$dir/pools"
    printf 'add app 10.0.0.1:80\nadd 1.b [::1]:80\ncreate empty\n' >"$dir/in/changes"
    "$CLI" varnish "$dir/in" "$dir/pools"
    printf 'vcl 4.0;\nbackend default { .host = "127.0.0.1"; }\ninclude "./pools/pools.vcl";\n%s\n' \
        'sub vcl_recv { set req.backend_hint = app.backend(); set req.backend_hint = pool__1_2eb.backend(); set req.backend_hint = empty.backend(); }' >"$dir/main.vcl"
    run varnishd -j none -C -f "$dir/main.vcl"
    assert_success
}

@test "varnish: 10,000 nodes, all replaced in one edit, are accepted" {
    generated varnish 10000
    mkdir -p "$BATS_TEST_TMPDIR/y"
    mv "$BATS_TEST_TMPDIR/big" "$BATS_TEST_TMPDIR/y/pools"
    varnish_accepts "$BATS_TEST_TMPDIR/y"
}
