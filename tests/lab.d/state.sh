# shellcheck shell=bash disable=SC2154,SC2034  # variables are shared with the other parts of lab
# What a lab remembers: one directory, LAB_STATE, that the commands find everything in.
#
#   hub               pid and start time of the hub       hosts/NAME/pid     the same of a host
#   keys/             client's keys                       hosts/NAME/spec    index and roles
#   keys/NAME/        a host's host keys                  hosts/NAME/new     its disk has not been set up yet
#   nodes             lines: NAME INDEX PORT              disk/              where the hub (alone) sees all disks
#   known_hosts ssh_config password password.root         log/NAME           what a host said while it started

lab_user=deploy
lab_password=${LAB_PASSWORD:-Lab-deploy-7f3a}
lab_root_password=${LAB_ROOT_PASSWORD:-Lab-root-90c1}

die()
{
    echo "lab: $*" >&2
    exit 1
}

state_open()
{
    state=${LAB_STATE:-/run/balancerfs-lab}
    case $state in
    /*) ;;
    *) state=$PWD/$state ;;
    esac
    case $state in
    *[,:\\\ ]*) die "LAB_STATE must have no comma, colon, backslash or space: $state" ;;
    esac
}

state_make()
{
    [ "$(id -u)" -eq 0 ] || die "must be root: name spaces, mounts and sshd are made here"
    mkdir -p "$state/hosts" "$state/keys" "$state/log" "$state/disk" || exit 1
    chmod 755 "$state"
}

# One command at a time changes the lab. What is started from here must not inherit fd 9: see `detached`.
state_lock()
{
    exec 9>"$state/lock" || exit 1
    flock -w 120 9 || die "another command holds $state/lock"
}

# close_all: every descriptor but the first three. Who waits for the end of a pipe must not wait for a daemon of a lab.
close_all()
{
    local fd
    for fd in "/proc/$BASHPID/fd"/*; do
        fd=${fd##*/}
        [ "$fd" -le 2 ] || eval "exec $fd>&-"
    done
}

# detached CMD...: in the background, with nothing of the caller's: no terminal, no pipe, no lock. TMPDIR alone goes with
# it: by that tests/run knows what was started for it, when a test's directory with all that the lab knew is gone.
detached()
{
    (
        close_all
        exec setsid env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root TMPDIR="${TMPDIR:-/tmp}" "$@" \
            </dev/null >>"$state/log/lab" 2>&1
    ) &
    disown
}

# proc_start PID: prints its start time, which with the pid names a process for good.
proc_start()
{
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- $stat
    [ "$1" != Z ] || return 1
    echo "${20}"
}

# proc_save PID FILE
proc_save()
{
    local start
    start=$(proc_start "$1") || return 1
    echo "$1 $start" >"$2"
}

# proc_alive FILE: sets pid when the process of that file still is.
proc_alive()
{
    local start
    pid=
    [ -r "$1" ] && read -r pid start <"$1" && [ "$(proc_start "$pid")" = "$start" ]
}

# proc_kill FILE: SIGKILL, and wait until it is gone; the kernel has then ended all in its pid name space.
proc_kill()
{
    local i
    proc_alive "$1" || return 0
    kill -9 "$pid" 2>/dev/null
    for ((i = 0; i < 1200; i++)); do
        proc_alive "$1" || return 0
        sleep 0.05
    done
    die "process $pid did not end"
}

hub_pid()
{
    proc_alive "$state/hub" || die "no lab is up in $state"
    hub=$pid
}

# host_find NAME: sets host (its pid) of a host that is up.
host_find()
{
    [ -n "${1:-}" ] || die "name a host"
    hub_pid
    [ -d "$state/hosts/$1" ] || die "no host $1"
    proc_alive "$state/hosts/$1/pid" || die "host $1 is not up"
    host=$pid
}

# host_spec NAME: sets index and roles.
host_spec()
{
    read -r index roles <"$state/hosts/$1/spec" || die "no host $1"
}

host_names()
{
    local dir
    for dir in "$state"/hosts/*/; do
        [ ! -d "$dir" ] || basename "$dir"
    done
}

host_address()
{
    local index roles
    host_spec "$1"
    echo "10.77.0.$((10 + index))"
}

in_host()
{
    nsenter -t "$host" -m -p -n -u -i -r -w -- \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root USER=root TERM=dumb "$@"
}

# in_host_script FILE ARG...: a script of ours on a host, which may not see the tree it is in.
in_host_script()
{
    local file=$1
    shift
    in_host sh -c "$(cat "$file")" "$(basename "$file")" "$@"
}
