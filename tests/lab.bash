# shellcheck shell=bash
# A lab for a bats file: `load lab`, lab_start in setup_file, lab_stop in teardown_file. Each file has a lab of its own.
#
#   lab COMMAND...            tests/lab on this file's lab (output may be captured by bats)
#   $HOST_web1 $NODE_n1 ...   addresses, as `lab env` prints them; set in setup_file and in every test
#   http_get HOST PATH        the body of an answer, or an error after 5 s
#   poll CMD...               until CMD succeeds, 10 s at most; fails else

lab()
{
    LAB_STATE=$LAB_STATE "${BASH_SOURCE[0]%/*}/lab" "$@"
}

# lab_start NAME[:ROLE,...]... [-- NODE...]
lab_start()
{
    local hosts=()
    export LAB_STATE=$BATS_FILE_TMPDIR/lab
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        hosts+=("$1")
        shift
    done
    lab up "${hosts[@]}" || return 1
    [ $# -lt 2 ] || lab node "${@:2}" || return 1
    lab_env
}

lab_stop()
{
    [ -z "${LAB_STATE:-}" ] || lab down
}

# After `lab up` or `lab node` in a test: the new addresses.
lab_env()
{
    set -a
    # shellcheck disable=SC1090
    . <(lab env)
    set +a
}

http_get()
{
    lab run curl -sS -g --fail --noproxy '*' --max-time 5 "http://$1$2"
}

poll()
{
    local end=$((SECONDS + 10))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "still not so after 10 s: $*" >&2; return 1; }
        sleep 0.05
    done
}
