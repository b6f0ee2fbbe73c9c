# shellcheck shell=bash disable=SC2154,SC2034  # variables are shared with the other parts of lab
# A host: its disk, its cable, what is started on it.

lab_up()
{
    local spec name jobs=() failed=0 job
    [ $# -gt 0 ] || die "up needs a host: NAME[:ROLE,ROLE...]"
    state_make
    lab_lacks || exit 1
    state_lock
    client_keys
    hub_up
    for spec in "$@"; do
        host_declare "$spec"
    done
    for spec in "$@"; do
        name=${spec%%:*}
        (host_boot "$name") &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do
        wait "$job" || failed=1
    done
    hub_publish
    [ $failed -eq 0 ] || die "not every host came up: see $state/log"
}

# host_declare NAME[:ROLES]
host_declare()
{
    local name=${1%%:*} roles=nginx role last index
    [ "$name" = "$1" ] || roles=${1#*:}
    [[ $name =~ ^[a-z][a-z0-9-]{0,30}$ && $name != hub ]] || die "bad host name: $name"
    [ ! -d "$state/hosts/$name" ] || die "host $name is there already"
    for role in ${roles//,/ }; do
        [ "$role" = none ] || [ -f "$lab_dir/role-$role.sh" ] || die "no role $role"
    done
    last=$(cat "$state"/hosts/*/spec 2>/dev/null | cut -d' ' -f1 | sort -n | tail -n 1)
    index=$((last + 1))
    [ $index -le 200 ] || die "too many hosts"
    mkdir "$state/hosts/$name"
    echo "$index $roles" >"$state/hosts/$name/spec"
    touch "$state/hosts/$name/new"
}

# host_boot NAME: power on. A new disk is set up first; a kept one is left as it is.
host_boot()
{
    local name=$1 index roles role dir=$state/hosts/$1 host
    host_spec "$name"
    exec >>"$state/log/$name" 2>&1
    host_start "$name" || return 1
    host_wire "$name" || return 1
    if [ -f "$dir/new" ]; then
        host_keys "$name" || return 1
        in_host_script "$lab_dir/disk.sh" "$name" "$lab_user" "$lab_password" "$lab_root_password" "$(cat "$state/authorized_keys")" || return 1
        for role in ${roles//,/ }; do
            [ "$role" = none ] || in_host_script "$lab_dir/role-$role.sh" setup || return 1
        done
        rm "$dir/new"
    fi
    close_all
    in_host_script "$lab_dir/start.sh" "$roles" </dev/null || return 1
    for role in ${roles//,/ }; do
        [ "$role" = none ] || in_host_script "$lab_dir/role-$role.sh" start </dev/null || return 1
    done
}

# host_start NAME: the name spaces and pid 1; sets host.
host_start()
{
    local name=$1 disk=$state/disk/$1 i
    in_hub mkdir -p "$disk"
    in_hub rm -f "$disk/pid.new"
    detached nsenter -t "$hub" -m -n -p -- unshare --mount --net --pid --uts --ipc --fork --propagation private \
        sh "$lab_dir/host1.sh" "$disk" "${LAB_BASE:-/}" "$name"
    for ((i = 0; i < 400; i++)); do
        [ ! -s "/proc/$hub/root$disk/pid.new" ] || break
        sleep 0.02
    done
    read -r host <"/proc/$hub/root$disk/pid.new" || return 1
    proc_save "$host" "$state/hosts/$name/pid"
}

# host_wire NAME: a cable into the hub's bridge. Neighbours are permanent, so that a cut host is a black hole
# instead of "no route to host" as soon as ARP gives up.
host_wire()
{
    local index roles v4 v6 mac port
    host_spec "$1"
    v4=10.77.0.$((10 + index)) v6=fd77::$((10 + index)) mac=$(printf '02:77:00:00:01:%02x' "$index") port=h$index
    nsenter -t "$hub" -n ip -batch - <<EOT || return 1
link add $port type veth peer name eth0 address $mac netns $host
link set $port master br0 up
neigh replace $v4 lladdr $mac dev br0 nud permanent
neigh replace $v6 lladdr $mac dev br0 nud permanent
EOT
    nsenter -t "$host" -n ip -batch - <<EOT || return 1
addr add $v4/16 dev eth0
addr add $v6/64 dev eth0 nodad
link set eth0 up
route add 10.77.1.0/24 via 10.77.0.1
neigh replace 10.77.0.1 lladdr 02:77:00:00:00:01 dev eth0 nud permanent
neigh replace fd77::1 lladdr 02:77:00:00:00:01 dev eth0 nud permanent
EOT
}

# host_keys NAME: made once for a name and kept over down, so that known_hosts stays right.
host_keys()
{
    local dir=$state/keys/$1 type
    mkdir -p "$dir"
    for type in ed25519 ecdsa rsa; do
        [ -f "$dir/ssh_host_${type}_key" ] && continue
        key_make $type "$dir/ssh_host_${type}_key" "$1" || return 1
    done
    rm -f "/proc/$host/root/etc/ssh"/ssh_host_*
    cp -p "$dir"/ssh_host_* "/proc/$host/root/etc/ssh/"
}

lab_exec()
{
    host_find "${1:-}"
    shift
    [ $# -gt 0 ] || die "exec what?"
    in_host "$@"
}

lab_root()
{
    host_find "${1:-}"
    echo "/proc/$host/root${2:-}"
}

lab_ssh()
{
    [ -d "$state/hosts/${1:-none}" ] || die "no host ${1:-}"
    lab_run ssh -F "$state/ssh_config" "$@"
}
