# shellcheck shell=bash disable=SC2034,SC2030,SC2031  # WORD and TEXT are for the tests
# The loop of drivers/agent.sh by hand: sessions, requests, answers.
#
#   each_shell CMD     CMD in dash, bash and busybox sh ($SH) with a helper, and without in dash; each with a new $DIR
#   session NAME       starts a loop; settings: BEAT, TEST_CMD, RELOAD_CMD, HELPER (yes; maybe, where none can start; or none)
#   ask NAME LINE...   sends lines; tell NAME sends standard input as it is
#   answer NAME        the next answer, in WORD and TEXT (of files: with the contents)
#   expect NAME WORD [TEXT]
#   request NAME LINE WORD     ask, then expect "go" where there is one, then WORD
#   hang_up NAME       the end of its input; waits until it has ended
#   shoot NAME         kill -9

NONCE=0123456789abcdef0123456789abcdef

each_shell()
{
    local shell
    for shell in dash bash "busybox sh" "dash without"; do
        SH=${shell% without} HELPER=yes
        [ "$shell" = "$SH" ] || HELPER=
        DIR=$BATS_TEST_TMPDIR/${shell// /-}.$1
        STATE=$DIR.state
        BEAT=30 TEST_CMD=true RELOAD_CMD=true
        unset PID IN OUT
        declare -gA PID IN OUT
        mkdir "$DIR" "$STATE"
        "$@" || { echo "in $shell" >&2; return 1; }
        for name in "${!PID[@]}"; do hang_up "$name"; done
    done
}

script_build()
{
    printf "nonce=%s\ndir='%s/'\nsuffix=.conf\ntest_cmd='%s'\nreload_cmd='%s'\ntmpdir=/tmp\nbeat=%s\n" \
        "$NONCE" "$DIR" "$TEST_CMD" "$RELOAD_CMD" "$BEAT"
    echo tools=
    [ -z "$HELPER" ] || printf "tools='%s\n'\n" "$(cat "$BATS_TEST_DIRNAME/../drivers/agent_tools.pl")"
    cat "$BATS_TEST_DIRNAME"/../drivers/agent_{tools,undo,change}.sh "$BATS_TEST_DIRNAME/../drivers/agent.sh"
}

# session NAME [COMMAND...]: COMMAND before the shell
session()
{
    local name=$1 in out
    script_build >"$STATE/$name.sh"
    rm -f "$STATE/$name".{in,out}
    mkfifo "$STATE/$name.in" "$STATE/$name.out"
    run_session "${@:2}" <"$STATE/$name.in" >"$STATE/$name.out" 2>"$STATE/$name.err" 3>&- &
    PID[$name]=$!
    exec {in}>"$STATE/$name.in" {out}<"$STATE/$name.out"
    IN[$name]=$in OUT[$name]=$out
}

# Without the other sessions' ends: they would never see the end of their input.
run_session()
{
    local fd
    for fd in "${IN[@]}" "${OUT[@]}"; do exec {fd}>&-; done
    # shellcheck disable=SC2086
    exec "$@" $SH "$STATE/$name.sh"
}

ask()
{
    printf '%s\n' "${@:2}" >&"${IN[$1]}"
}

tell()
{
    cat >&"${IN[$1]}"
}

answer()
{
    local nonce length sizes total
    WORD='' TEXT=''
    read -r -t 30 -u "${OUT[$1]}" nonce WORD length || { echo "$1: no answer: $(cat "$STATE/$1.err")" >&2; return 1; }
    [ "$nonce" = "$NONCE" ] || { echo "not an answer: $nonce $WORD $length" >&2; return 1; }
    text "$1" "$length"
    [ "$WORD" = files ] && [ "$length" -gt 0 ] || return 0
    sizes=$(printf %s "$TEXT" | tail -n 1)
    read -r total _ <<<"$sizes"
    text "$1" "$total"
}

text() # NAME LENGTH
{
    [ "$2" -eq 0 ] || TEXT=$(timeout 30 dd bs=65536 iflag=fullblock,count_bytes count="$2" status=none <&"${OUT[$1]}"; echo x)
    TEXT=${TEXT%x}
}

expect()
{
    answer "$1" || return 1
    [ "$WORD" = "$2" ] || { echo "$1: $WORD ${TEXT:0:300} instead of $2, line ${BASH_LINENO[0]}" >&2; return 1; }
    # shellcheck disable=SC2053  # a pattern
    [ $# -lt 3 ] || [[ "$TEXT" == $3 ]] || { echo "$1: $2 says: ${TEXT:0:300}" >&2; return 1; }
}

request()
{
    ask "$1" "$2"
    case $2 in lock* | test* | commit* | rollback*) expect "$1" go || return 1 ;; esac
    expect "$1" "${@:3}"
}

# prepare NAME ITEM... : contents from standard input, which may be lacking
prepare()
{
    local name=$1 contents=$STATE/contents
    shift
    cat >"$contents"
    ask "$name" "prepare $SEQ ${WAIT:-0} ${SECS:-20} $(wc -c <"$contents") $*"
    tell "$name" <"$contents"
    expect "$name" go
}

# ready NAME: a session that has read; its SEQ. An abort, though there is nothing, has it start its helper.
ready()
{
    session "$@" && expect "$1" ready && fetch "$1" && request "$1" abort ok && request "$1" ping ok || return 1
    [ "$HELPER" != yes ] || find_helper "$1" >/dev/null || { echo "$1 has no helper: $(cat "$STATE/$1.err")" >&2; return 1; }
}

find_helper() # NAME: its process
{
    pgrep -P "${PID[$1]}" -x perl
}

fetch() # NAME
{
    request "$1" "read all 0" files || return 1
    FILES=$TEXT
    expect "$1" end || return 1
    SEQ=${TEXT% *}
}

hang_up()
{
    local in=${IN[$1]} out=${OUT[$1]}
    exec {in}>&- {out}<&-
    wait "${PID[$1]}" 2>/dev/null || true
    unset "PID[$1]"
}

shoot()
{
    kill -9 "${PID[$1]}"
    hang_up "$1" 2>/dev/null
    return 0
}

at() # waits for the file that a command makes when it has begun
{
    local i
    for ((i = 0; i < 200; i++)); do
        [ ! -e "$STATE/at" ] || return 0
        sleep 0.05
    done
    return 1
}

put() # FILE TEXT: in $DIR
{
    printf '%s\n' "$2" >"$DIR/$1"
}

has() # FILE TEXT
{
    [ "$(cat "$DIR/$1")" = "$2" ] || { echo "$1 has: $(cat "$DIR/$1")" >&2; return 1; }
}

gone() # PID: it has ended; nobody may have waited for it yet
{
    ! grep -q '^State:.*[RSDT]' "/proc/$1/status" 2>/dev/null
}

# Nobody holds the lock and nothing is left but the lock itself.
clean()
{
    [ ! -d "$DIR/.balancerfs" ] && return
    flock -n "$DIR/.balancerfs/lock" true || { echo "the lock is held" >&2; return 1; }
    [ "$(ls "$DIR/.balancerfs")" = lock ] || { echo "left: $(ls "$DIR/.balancerfs")" >&2; return 1; }
}
