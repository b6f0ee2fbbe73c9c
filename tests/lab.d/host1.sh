# shellcheck shell=sh
# A host's pid 1: mounts the host's own root over the machine's, moves into it and then only holds it.
# The machine's root is the lower layer; all that the host writes goes to the upper one, on the hub's tmpfs.
set -eu
disk=$1 base=$2 name=$3

read -r self _ </proc/self/stat

mkdir -p "$disk/up" "$disk/work" "$disk/at" "$disk/own/root" "$disk/own/home" "$disk/own/mnt"
chmod 700 "$disk/own/root"
mount -t overlay -o "lowerdir=$base,upperdir=$disk/up,workdir=$disk/work" lab "$disk/at"
cd "$disk/at"
for dir in root home mnt; do
    mkdir -p "$dir"
    mount --bind "$disk/own/$dir" "$dir"
done
mkdir -p proc sys dev run tmp old
mount -t proc proc proc
mount -t sysfs -o ro sys sys
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm run/lock run/sshd
chmod 1777 dev/shm run/lock
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    minor=${node##*:}
    major=${node#*:}
    mknod -m 666 "dev/${node%%:*}" c "${major%:*}" "$minor"
done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr

exec 3>"$disk/pid.new"
hostname "$name"
ip link set lo up
pivot_root . old
cd /
umount -l /old
echo "$self" >&3
# With SIGCHLD ignored the kernel reaps what becomes pid 1's; 'service x stop' would wait for a zombie.
exec env -i --ignore-signal=CHLD /usr/bin/sleep infinity </dev/null >/dev/null 2>&1 3>&-
