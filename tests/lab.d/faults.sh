# shellcheck shell=bash disable=SC2154,SC2034  # variables are shared with the other parts of lab
# What goes wrong with real hosts: the cable, the machine, sshd, the rules of sudo.

# port_filter PORT ingress|egress: drops every packet that way; one BPF instruction, since act_gact may be missing.
port_filter()
{
    nsenter -t "$hub" -n tc filter replace dev "$1" "$2" prio 1 handle 1 bpf da bytecode '1,6 0 0 2,' || die "tc cannot cut"
}

lab_cut()
{
    local index roles
    host_find "${1:-}"
    host_spec "$1"
    nsenter -t "$hub" -n tc qdisc add dev "h$index" clsact 2>/dev/null
    case ${2:-both} in
    both)
        port_filter "h$index" ingress
        port_filter "h$index" egress
        ;;
    in) port_filter "h$index" egress ;;
    out) port_filter "h$index" ingress ;;
    *) die "cut $1 both, in or out" ;;
    esac
}

lab_heal()
{
    local index roles
    host_find "${1:-}"
    host_spec "$1"
    nsenter -t "$hub" -n tc qdisc del dev "h$index" clsact 2>/dev/null
    return 0
}

lab_delay()
{
    die "delay is not there yet"
}

# Twice: what one process had just forked may have escaped the first round.
lab_freeze()
{
    host_find "${1:-}"
    nsenter -t "$host" -p -- sh -c 'kill -STOP -1; kill -STOP -1' || die "cannot freeze $1"
}

lab_thaw()
{
    host_find "${1:-}"
    nsenter -t "$host" -p -- sh -c 'kill -CONT -1' || die "cannot thaw $1"
}

lab_kill_ssh()
{
    host_find "${1:-}"
    case ${2:-all} in
    all) in_host_script "$lab_dir/kill-ssh.sh" none ;;
    sessions) in_host_script "$lab_dir/kill-ssh.sh" "$(cat "/proc/$host/root/run/sshd.pid")" ;;
    *) die "kill-ssh $1 [sessions]" ;;
    esac
}

lab_start_ssh()
{
    host_find "${1:-}"
    close_all
    in_host sh -c 'pgrep -x sshd >/dev/null || exec /usr/sbin/sshd' </dev/null >/dev/null 2>&1
}

# The cable goes first, or the dying kernel side would say goodbye to everyone.
lab_crash()
{
    lab_cut "${1:-}"
    proc_kill "$state/hosts/$1/pid"
    rm -f "$state/hosts/$1/pid"
}

lab_boot()
{
    [ -d "$state/hosts/${1:-none}" ] || die "no host ${1:-}"
    state_lock
    hub_pid
    ! proc_alive "$state/hosts/$1/pid" || die "host $1 is up"
    host_gone "$1"
    (host_boot "$1") || die "host $1 does not boot: see $state/log/$1"
    hub_publish
}

# The kernel takes a dead host's cable away in its own time; its name is needed again.
host_gone()
{
    local index roles
    host_spec "$1"
    nsenter -t "$hub" -n ip link del "h$index" 2>/dev/null
    return 0
}

lab_sudo()
{
    local rule="$lab_user ALL=(ALL:ALL) ALL" extra=
    host_find "${1:-}"
    case ${2:-} in
    password) ;;
    nopasswd) rule="$lab_user ALL=(ALL:ALL) NOPASSWD: ALL" ;;
    tty) extra="Defaults:$lab_user requiretty" ;;
    lecture) extra="Defaults:$lab_user lecture=always" ;;
    targetpw) extra="Defaults:$lab_user targetpw" ;;
    none) rule= ;;
    *) die "sudo $1 password, nopasswd, tty, lecture, targetpw or none" ;;
    esac
    printf '%s\n%s\n' "$extra" "$rule" >"/proc/$host/root/etc/sudoers.d/lab"
}
