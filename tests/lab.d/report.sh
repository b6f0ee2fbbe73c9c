# shellcheck shell=bash disable=SC2154,SC2034  # variables are shared with the other parts of lab
# What a lab can tell: how to use it from a test, what the machine lacks, whether its hosts are well.

lab_env()
{
    local name index roles port
    hub_pid
    printf 'LAB_STATE=%s\nKNOWN_HOSTS=%s\nSSH_CONFIG=%s\n' "$state" "$state/known_hosts" "$state/ssh_config"
    printf 'LAB_USER=%s\nPASSWORD_FILE=%s\nROOT_PASSWORD_FILE=%s\n' "$lab_user" "$state/password" "$state/password.root"
    printf 'IDENTITY=%s\nIDENTITY_ECDSA=%s\nIDENTITY_RSA=%s\n' "$state/keys/ed25519" "$state/keys/ecdsa" "$state/keys/rsa"
    for name in $(host_names); do
        host_spec "$name"
        printf 'HOST_%s=10.77.0.%d\nHOST6_%s=fd77::%d\n' "${name//-/_}" $((10 + index)) "${name//-/_}" $((10 + index))
    done
    while read -r name index port; do
        printf 'NODE_%s=10.77.1.%d:%d\n' "${name//-/_}" "$index" "$port"
    done < <(cat "$state/nodes" 2>/dev/null)
}

# One line for each thing that a lab needs and this machine has not.
lab_lacks()
{
    local tool lacks=()
    [ "$(id -u)" -eq 0 ] || lacks+=("not root")
    for tool in unshare nsenter setsid flock pivot_root ip tc ss ssh ssh-keygen sudo useradd chpasswd pgrep nginx; do
        command -v "$tool" >/dev/null || lacks+=("no program $tool")
    done
    [ -x /usr/sbin/sshd ] || lacks+=("no /usr/sbin/sshd (package openssh-server)")
    grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || lacks+=("no overlay file system in this kernel")
    unshare --mount --net --pid --fork true 2>/dev/null || lacks+=("no name spaces (unshare is refused)")
    [ ${#lacks[@]} -gt 0 ] || return 0
    printf 'lab: %s\n' "${lacks[@]}" >&2
    return 1
}

lab_check()
{
    local name index roles failed=0
    lab_lacks || return 1
    if ! proc_alive "$state/hub"; then
        echo "lab: possible here; none is up in $state"
        return 0
    fi
    hub=$pid
    for name in $(host_names); do
        host_spec "$name"
        if ! proc_alive "$state/hosts/$name/pid"; then
            echo "$name: off ($roles)"
        elif nsenter -t "$hub" -n ssh -F "$state/ssh_config" -o BatchMode=yes -o ConnectTimeout=3 "$name" true 2>/dev/null; then
            echo "$name: up ($roles)"
        else
            echo "$name: does not answer ($roles)"
            failed=1
        fi
    done
    return $failed
}
