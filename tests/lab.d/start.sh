# shellcheck shell=sh
# On a host, at each boot, before the roles: the log and sshd.
roles=$1
mkdir -p /run/sshd
if command -v busybox >/dev/null; then
    busybox syslogd -O /var/log/lab.log </dev/null >/dev/null 2>&1
fi
echo "roles: $roles"
exec /usr/sbin/sshd
