# shellcheck shell=bash disable=SC2154,SC2034  # variables are shared with the other parts of lab
# The hub: the lab's network and everything that is not on a host (HTTP nodes, the client's commands).

hub_up()
{
    local i
    proc_alive "$state/hub" && hub=$pid && return 0
    rm -rf "$state/hosts" "$state/nodes" "$state/hub" "$state/hub.new"
    mkdir -p "$state/hosts"
    detached unshare --mount --net --pid --fork --propagation slave sh "$lab_dir/hub1.sh" "$state"
    for ((i = 0; i < 400; i++)); do
        [ -s "$state/hub.new" ] && break
        sleep 0.02
    done
    read -r hub <"$state/hub.new" || die "the hub did not start: see $state/log/lab"
    proc_save "$hub" "$state/hub" || die "the hub ended at once: see $state/log/lab"
}

in_hub()
{
    nsenter -t "$hub" -m -n -p -- "$@"
}

# key_make TYPE FILE COMMENT
key_make()
{
    local bits=()
    [ "$1" != rsa ] || bits=(-b 2048)
    ssh-keygen -q -t "$1" "${bits[@]}" -N '' -C "$3" -f "$2"
}

client_keys()
{
    local type
    for type in ed25519 ecdsa rsa; do
        [ -f "$state/keys/$type" ] ||
            key_make $type "$state/keys/$type" "client-$type" || die "ssh-keygen failed"
    done
    cat "$state"/keys/*.pub >"$state/authorized_keys"
    (umask 077 && echo "$lab_password" >"$state/password" && echo "$lab_root_password" >"$state/password.root")
}

# What every host and every client needs to know about all the others. Called after each change of who is there.
hub_publish()
{
    local name index roles hosts address port
    hosts="127.0.0.1 localhost"$'\n'"::1 ip6-localhost"$'\n'"10.77.0.1 hub"$'\n'
    : >"$state/known_hosts.new"
    printf 'Host *\n  User %s\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n  GlobalKnownHostsFile /dev/null\n' \
        "$lab_user" "$state/keys/ed25519" "$state/known_hosts" >"$state/ssh_config.new"
    for name in $(host_names); do
        host_spec "$name"
        address=10.77.0.$((10 + index))
        hosts+="$address $name"$'\n'"fd77::$((10 + index)) $name"$'\n'
        cat "$state/keys/$name"/*.pub 2>/dev/null |
            sed -n "s/^\(ssh-[a-z0-9]* [^ ]*\|ecdsa-[a-z0-9-]* [^ ]*\).*/$address,fd77::$((10 + index)),$name \1/p" >>"$state/known_hosts.new"
        printf 'Host %s\n  HostName %s\n' "$name" "$address" >>"$state/ssh_config.new"
    done
    while read -r name index port; do
        hosts+="10.77.1.$index $name"$'\n'
    done < <(cat "$state/nodes" 2>/dev/null)
    mv "$state/known_hosts.new" "$state/known_hosts"
    mv "$state/ssh_config.new" "$state/ssh_config"
    for name in $(host_names); do
        proc_alive "$state/hosts/$name/pid" && printf '%s' "$hosts" >"/proc/$pid/root/etc/hosts"
    done
}

lab_node()
{
    local spec name port index
    state_make
    state_lock
    hub_up
    for spec in "$@"; do
        name=${spec%%:*}
        port=8080
        [ "$name" = "$spec" ] || port=${spec#*:}
        [[ $name =~ ^[a-z][a-z0-9-]*$ && $port =~ ^[0-9]+$ ]] || die "bad node: $spec"
        touch "$state/nodes"
        grep -q "^$name " "$state/nodes" && die "node $name is there already"
        index=$(($(cut -d' ' -f2 "$state/nodes" | sort -n | tail -n 1) + 1))
        echo "$name $index $port" >>"$state/nodes"
    done
    nodes_serve
    hub_publish
}

lab_unnode()
{
    local name
    state_lock
    hub_pid
    for name in "$@"; do
        grep -q "^$name " "$state/nodes" || die "no node $name"
        sed -i "/^$name /d" "$state/nodes"
    done
    nodes_serve
    hub_publish
}

# The nodes are one nginx on the hub. Their addresses (10.77.1.N) are the hub's for as long as it is, so a stopped node refuses.
nodes_serve()
{
    local name index port conf=$state/nodes.conf
    {
        echo "user root; worker_processes 1; pid $state/disk/nodes.pid; error_log $state/log/nodes crit;"
        echo "events {} http { access_log off; default_type text/plain; client_body_temp_path $state/disk/nb;"
        echo "proxy_temp_path $state/disk/np; fastcgi_temp_path $state/disk/nf; uwsgi_temp_path $state/disk/nu; scgi_temp_path $state/disk/ns;"
        while read -r name index port; do
            printf 'server { listen 10.77.1.%d:%d; return 200 "%s\\n"; }\n' "$index" "$port" "$name"
        done <"$state/nodes"
        echo "}"
    } >"$conf"
    if [ -n "$(in_hub cat "$state/disk/nodes.pid" 2>/dev/null)" ]; then
        in_hub nginx -c "$conf" -s reload 2>>"$state/log/nodes" || die "the nodes do not start: see $state/log/nodes"
    else
        (close_all && in_hub env -i PATH="$PATH" nginx -c "$conf" </dev/null >>"$state/log/nodes" 2>&1) || die "the nodes do not start: see $state/log/nodes"
    fi
    nodes_wait
}

# Until nginx has done what it was told, since nodes_serve must mean served.
nodes_wait()
{
    local name index port i want have
    want=$(while read -r name index port; do echo "10.77.1.$index:$port"; done <"$state/nodes" | sort)
    for ((i = 0; i < 200; i++)); do
        have=$(nsenter -t "$hub" -n ss -Hltn | awk '$4 ~ /^10\.77\.1\./ {print $4}' | sort -u)
        [ "$have" != "$want" ] || return 0
        sleep 0.02
    done
    die "the nodes are not served: $have instead of $want"
}

# shellcheck disable=SC2120
lab_run()
{
    [ $# -gt 0 ] || die "run what?"
    hub_pid
    exec nsenter -t "$hub" -n -- "$@"
}

lab_down()
{
    [ -d "$state" ] || return 0
    state_lock
    proc_kill "$state/hub"
    rm -rf "$state/hosts" "$state/hub" "$state/hub.new" "$state/nodes" "$state/nodes.conf" "$state/known_hosts" "$state/ssh_config"
}
