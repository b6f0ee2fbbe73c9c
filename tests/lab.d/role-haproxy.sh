# shellcheck shell=sh
# On a host: haproxy on port 81, Debian's haproxy.cfg and every *.cfg in /etc/haproxy/pools, the stats socket where
# Debian has it. /POOL/... goes to the backend POOL, whatever backends there are; without it the answer is 503.
set -eu
if [ "$1" = setup ]; then
    mkdir -p /etc/haproxy/pools
    echo 'EXTRAOPTS="-f /etc/haproxy/pools"' >/etc/default/haproxy
    cat >>/etc/haproxy/haproxy.cfg <<'CFG'

frontend lab
	bind :81
	bind :::81 v6only
	use_backend %[path,field(2,/)]
CFG
    exit
fi
exec /etc/init.d/haproxy start
