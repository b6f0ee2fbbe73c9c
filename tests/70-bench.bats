#!/usr/bin/env bats
# How fast it is, as ratios: each of tests/bench against what it is compared with, in one run. Nothing here fails for being
# slow. The table of all is printed at the end and kept as $BUILD/bench.md.
# shellcheck disable=SC2154  # HOST_ and the like come from lab_env

load lab

setup_file()
{
    export BENCH_ROWS=$BATS_FILE_TMPDIR/rows BENCH_DIR=$BATS_FILE_TMPDIR/bench PYTHONDONTWRITEBYTECODE=1
    mkdir -p "$BENCH_DIR"
    : >"$BENCH_ROWS"
    lab_start web1 web2 web3
    for host in web1 web2 web3; do
        lab sudo $host nopasswd
    done
}

teardown_file()
{
    {
        echo "| what | balancerfs | against it | ratio | target |"
        echo "|---|---|---|---|---|"
        cat "$BENCH_ROWS"
    } >"$BUILD/bench.md"
    sed 's/^/# /' "$BUILD/bench.md" >&3
    lab_stop
}

# bench SCRIPT [ARGUMENT...]: nicely, on the machine's own network
bench()
{
    nice timeout 240 ${CPUS:+taskset -c "$CPUS"} /usr/bin/python3 "$BATS_TEST_DIRNAME/bench/$1.py" "${@:2}" 3>&-
}

# The same on the lab's.
bench_in_lab()
{
    ROOTS="$(lab root web1) $(lab root web2) $(lab root web3)"
    export ROOTS
    nice timeout 240 "$BATS_TEST_DIRNAME/lab" run /usr/bin/python3 "$BATS_TEST_DIRNAME/bench/$1.py" "${@:2}" 3>&-
}

setup()
{
    lab_env
}

@test "one node on three hosts, against what people would use instead" {
    bench_in_lab peers
}

# On one core: what it costs to wake another one, on a machine with nothing else to do, hides what is compared.
@test "looking at what is cached" {
    CPUS=0 bench look
}

@test "changes that come together" {
    bench_in_lab batch
}

@test "sizes" {
    bench scale
}

@test "what is done without need" {
    bench waste
    bench_in_lab wire
}

@test "HAProxy without a reload" {
    lab up lb1:haproxy
    lab sudo lb1 nopasswd
    lab_env
    HAPROXY_ROOT=$(lab root lb1) bench_in_lab runtime
}
