# shellcheck shell=bash disable=SC2154,SC2034  # variables are shared with the other parts of lab
# What goes wrong with real hosts: the cable, the machine, sshd, the rules of sudo.

# port_filter PORT ingress|egress: drops every packet that way; one BPF instruction, since act_gact may be missing.
port_filter()
{
    nsenter -t "$hub" -n tc filter replace dev "$1" "$2" prio 1 handle 1 bpf da bytecode '1,6 0 0 2,' || die "tc cannot cut"
}

# bridge_port NAME: what joins the host to the bridge: its cable, or the tap of the slow one. (Packet sockets, which the
# slow cable uses, see frames before any filter on the cable.)
bridge_port()
{
    local index roles
    host_spec "$1"
    if nsenter -t "$hub" -n ip link show "t$index" >/dev/null 2>&1; then
        echo "t$index"
    else
        echo "h$index"
    fi
}

lab_cut()
{
    local port
    host_find "${1:-}"
    port=$(bridge_port "$1")
    nsenter -t "$hub" -n tc qdisc add dev "$port" clsact 2>/dev/null
    case ${2:-both} in
    both)
        port_filter "$port" ingress
        port_filter "$port" egress
        ;;
    in) port_filter "$port" egress ;;
    out) port_filter "$port" ingress ;;
    *) die "cut $1 both, in or out" ;;
    esac
}

lab_heal()
{
    host_find "${1:-}"
    nsenter -t "$hub" -n tc qdisc del dev "$(bridge_port "$1")" clsact 2>/dev/null
    return 0
}

# The cable stays where it is on the host's side, so connections live through a change of the delay.
lab_delay()
{
    local index roles i tun
    host_find "${1:-}"
    host_spec "$1"
    [[ ${2:-} =~ ^[0-9]+$ ]] || die "delay $1 by how many milliseconds?"
    proc_kill "$state/hosts/$1/wire"
    if [ "$2" -eq 0 ]; then
        nsenter -t "$hub" -n ip link set "h$index" master br0
        return
    fi
    [ -x "$state/labwire" ] || cc -O2 -o "$state/labwire" "$lab_dir/labwire.c" || die "labwire is not compiled"
    tun=/proc/$hub/root$state/disk/tun
    [ -c "$tun" ] || mknod "$tun" c 10 200 || die "no tun device"
    nsenter -t "$hub" -n ip link set "h$index" nomaster || die "no cable of $1"
    detached nsenter -t "$hub" -n -p -m -- "$state/labwire" "$state/disk/tun" "t$index" "h$index" "$2"
    for ((i = 0; i < 200; i++)); do
        nsenter -t "$hub" -n ip link set "t$index" master br0 up 2>/dev/null && break
        sleep 0.02
    done
    [ $i -lt 200 ] || die "the slow cable does not work: see $state/log/lab"
    proc_save "$(pgrep -f "^$state/labwire .* t$index ")" "$state/hosts/$1/wire"
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
    proc_kill "$state/hosts/$1/wire"
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
