# shellcheck shell=bash disable=SC2154  # the mount's variables
# Changes that meet, at a balancer `web` whose pools are in $file: `load meet`.

load mount

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    log=$BATS_TEST_TMPDIR/log
    file=$BATS_TEST_TMPDIR/pools.yaml
}

teardown()
{
    cd /
    mount_stop_all
}

# A balancer `web` with two pools: app with three nodes, other with one.
# ttl: its cache_ttl.
mounted() # LATENCY [KEY: VALUE]...
{
    printf '%s\n' 'app: ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]' 'other: ["10.0.0.9:80"]' >"$file"
    {
        echo "BALANCERS:"
        printf '  web: {BACKEND: dummy, file: %s, log: %s, latency: %s, cache_ttl: %s' "$file" "$log" "$1" "${ttl:-1h}"
        shift
        [ $# -eq 0 ] || printf ', %s' "$@"
        echo "}"
    } >balancers.yaml
    mount_start <balancers.yaml
    app=$MNT/web/app
    ls -l "$app" "$MNT/web/other" >/dev/null
}

# What the balancer has.
balancer_has()
{
    python3 -c 'import sys, yaml; print("\n".join(sorted(yaml.safe_load(open(sys.argv[1]))["app"] or [])))' "$file"
}

same_as_balancer()
{
    assert_equal "$(LC_ALL=C ls "$app")" "$(balancer_has)"
}

# The line of .log that says what became of it.
poll_log()
{
    local i
    for ((i = 0; i < 200; i++)); do
        ! grep -q -- "$1" "$MNT/web/.log" || return 0
        sleep 0.05
    done
    echo "not in .log: $1" >&2
    cat "$MNT/web/.log" >&2
    return 1
}

poll()
{
    local i
    for ((i = 0; i < 200; i++)); do
        ! "$@" || return 0
        sleep 0.05
    done
    echo "still not so: $*" >&2
    return 1
}

ended()
{
    local i
    for ((i = 0; i < 100; i++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.05
    done
    echo "process $1 hangs" >&2
    return 1
}

says()
{
    grep -qx "$1" "$MNT/web/.status"
}

# How many changes have ended at the balancer.
applies()
{
    { grep '^apply' "$log" 2>/dev/null || true; } | wc -l
}

# begun_since N: one runs or has ended since there were N.
begun_since()
{
    says "changes_running: 1" || [ "$(applies)" -gt "$1" ]
}
