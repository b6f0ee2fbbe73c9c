# shellcheck shell=bash
# Mounts for a bats file: `load mount`. Each mount has a directory of its own below the test's.
#
#   mount_start [-n NAME] [OPTION...] <<YAML   mounts the configuration at $MNT; with -n NAME at $MNT_NAME, a second one
#   mount_command=(CMD... "$BUILD/balancerfs")   what is run, if not the program alone; it must become it by exec
#   mount_stop [NAME]                          unmounts; fails unless the daemon ends well and has said nothing strange
#   mount_kill [NAME]                          kill -9, and what is left is unmounted
#   asked_for N                                so many changes of the balancer web run or wait
#   mount_stop_all                             for teardown: whatever is still mounted
#   $MNT, $MNT_NAME, $PID, $PID_NAME           where, and the daemon
#   $ERR, $ERR_NAME                            what the daemon has said

mount_var()
{
    local suffix=${2:+_$2}
    printf '%s%s' "$1" "$suffix"
}

mount_start()
{
    local name='' dir mnt pid i
    if [ "${1:-}" = -n ]; then
        name=$2
        shift 2
    fi
    dir=$BATS_TEST_TMPDIR/mount${name:+-$name}
    [ -z "${MOUNT_DIR:-}" ] || dir=$MOUNT_DIR/mount${name:+-$name}
    mnt=$dir/mnt
    mkdir -p "$mnt"
    (umask 077 && cat >"$dir/config.yaml")
    "${mount_command[@]:-$BUILD/balancerfs}" -f "$@" "$dir/config.yaml" "$mnt" >"$dir/out" 2>"$dir/err" 3>&- &
    pid=$!
    echo "$pid" >"$dir/pid"
    declare -g "$(mount_var MNT "$name")=$mnt" "$(mount_var PID "$name")=$pid" "$(mount_var ERR "$name")=$dir/err"
    export MNT
    for ((i = 0; i < 600; i++)); do
        ! grep -q " $mnt fuse.balancerfs " /proc/self/mounts || return 0
        if ! kill -0 "$pid" 2>/dev/null; then
            echo "balancerfs did not mount:" >&2
            cat "$dir/err" >&2
            return 1
        fi
        sleep 0.05
    done
    echo "balancerfs did not mount in time" >&2
    return 1
}

# What a daemon may not say, whatever happens.
mount_strange()
{
    grep -aE 'Sanitizer|runtime error|[Aa]ssert|terminated|core dumped|BUG' "$1"
}

# A mount name space that was made meanwhile (somebody's lab) has a copy, which keeps the kernel's side open: then
# the daemon is told to end.
mount_end_copies()
{
    local i
    for ((i = 0; i < 40; i++)); do
        kill -0 "$2" 2>/dev/null || return 0
        sleep 0.05
    done
    ! grep -qsF " $1 " /proc/[0-9]*/mountinfo || kill "$2" 2>/dev/null
    return 0
}

# In a subshell (a teardown, `run`) the daemon is nobody's child: its end is waited for by its pid.
mount_wait()
{
    local pid=$1 i
    for ((i = 0; i < 600; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    ! kill -0 "$pid" 2>/dev/null || { echo "balancerfs does not end" >&2; return 1; }
    local status=0
    wait "$pid" 2>/dev/null || status=$?
    [ $status -eq 0 ] || [ $status -eq 127 ] || { echo "balancerfs ended with status $status" >&2; return 1; }
}

mount_stop()
{
    local name=${1:-} mnt pid err failed=0
    mnt=$(mount_var MNT "$name") pid=$(mount_var PID "$name") err=$(mount_var ERR "$name")
    umount "${!mnt}" || failed=1
    mount_end_copies "${!mnt}" "${!pid}"
    mount_wait "${!pid}" || failed=1
    if mount_strange "${!err}" >&2; then failed=1; fi
    rm -f "${!mnt%/mnt}/pid"
    [ $failed -eq 0 ] || tail -n 30 "${!err}" >&2
    return $failed
}

mount_kill()
{
    local name=${1:-} mnt pid
    mnt=$(mount_var MNT "$name") pid=$(mount_var PID "$name")
    kill -9 "${!pid}" 2>/dev/null
    wait "${!pid}" 2>/dev/null || true
    umount -l "${!mnt}" 2>/dev/null
    rm -f "${!mnt%/mnt}/pid"
}

mount_stop_all()
{
    local dir=${MOUNT_DIR:-$BATS_TEST_TMPDIR} file pid failed=0
    for file in "$dir"/mount*/pid; do
        [ -f "$file" ] || continue
        pid=$(cat "$file")
        umount -l "${file%/pid}/mnt" 2>/dev/null
        kill -0 "$pid" 2>/dev/null && kill "$pid"
        mount_wait "$pid" || { kill -9 "$pid" 2>/dev/null; failed=1; }
        if mount_strange "${file%/pid}/err" >&2; then failed=1; fi
    done
    return $failed
}

# calls [FILE]: the calls that a dummy has logged since this was asked last.
calls()
{
    local log=${1:-$BATS_TEST_TMPDIR/log} seen
    seen=$(cat "$log.seen" 2>/dev/null || echo 0)
    [ ! -f "$log" ] || tail -n "+$((seen + 1))" "$log"
    wc -l <"$log" 2>/dev/null >"$log.seen"
    return 0
}

# errno CMD...: the name of the error number that the first failing system call of a python statement gives, or "ok".
errno()
{
    python3 - "$@" <<'PY'
import errno, os, sys
try:
    exec(sys.argv[1], {"os": os, "a": sys.argv[2:]})
    print("ok")
except OSError as e:
    print(errno.errorcode[e.errno])
PY
}

asked_for()
{
    [ "$(awk '/^changes_(running|queued): / { n += $2 } END { print n }' "$MNT/web/.status")" -eq "$1" ]
}
