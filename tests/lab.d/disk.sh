# shellcheck shell=sh
# On a host, once: what makes this copy of the machine a host of its own.
set -eu
name=$1 user=$2 password=$3 root_password=$4 keys=$5

echo "$name" >/etc/hostname
rm -f /etc/resolv.conf /usr/sbin/policy-rc.d
: >/etc/resolv.conf
printf '127.0.0.1 localhost\n127.0.0.1 %s\n' "$name" >/etc/hosts

id "$user" >/dev/null 2>&1 || useradd -m -s /bin/bash "$user"
printf '%s:%s\n' "$user" "$password" root "$root_password" | chpasswd
mkdir -p "/home/$user/.ssh"
echo "$keys" >"/home/$user/.ssh/authorized_keys"
chmod 700 "/home/$user/.ssh"
chown -R "$user:" "/home/$user"

rm -f /etc/sudoers.d/*
echo "$user ALL=(ALL:ALL) ALL" >/etc/sudoers.d/lab
chmod 440 /etc/sudoers.d/lab

# Debian's own settings but for this; a test's file with a lower number comes first, and the first value counts.
rm -f /etc/ssh/sshd_config.d/*
echo 'KbdInteractiveAuthentication yes' >/etc/ssh/sshd_config.d/50-lab.conf
: >/etc/motd
