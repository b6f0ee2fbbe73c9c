# shellcheck shell=sh
# The hub's pid 1: made in name spaces of its own, it lays the network and then only holds it.
set -eu
state=$1

# /proc is still the machine's: this is the pid the machine knows.
read -r self _ </proc/self/stat

# Someone's FUSE file system, copied into this name space, could never be unmounted by its owner.
awk '$3 ~ /^fuse\./ {print $2}' /proc/self/mounts | while read -r at; do umount -l "$at" || true; done

mount -t tmpfs -o mode=755 lab "$state/disk"
ip link set lo up
ip link add br0 address 02:77:00:00:00:01 type bridge stp_state 0 forward_delay 0
ip addr add 10.77.0.1/16 dev br0
ip addr add fd77::1/64 dev br0 nodad || echo "no IPv6 here" >&2
ip link set br0 up
# Every node's address is there before the node is, so that a stopped node refuses at once.
echo "$(i=1; while [ $i -le 250 ]; do echo "addr add 10.77.1.$i/32 dev lo"; i=$((i + 1)); done)" | ip -batch -

echo "$self" >"$state/hub.new"
# With SIGCHLD ignored the kernel reaps what becomes pid 1's.
exec env -i --ignore-signal=CHLD TMPDIR="$TMPDIR" /usr/bin/sleep infinity </dev/null >/dev/null 2>&1
