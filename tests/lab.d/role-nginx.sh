# shellcheck shell=sh
# On a host: nginx, with a site that gives /POOL/... to the upstream POOL, whatever pools there are.
# The variable makes nginx look the upstream up at each request: without the pool the answer is 502, and nothing
# in the site has to change when pools come and go. (A site that names its pool is a test's own to add.)
set -eu
if [ "$1" = setup ]; then
    rm -f /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*
    cat >/etc/nginx/sites-available/default <<SITE
server {
    listen 80 default_server;
    listen [::]:80 default_server;
    location = / {
        return 200 "$(hostname)\n";
    }
    location ~ ^/(?<pool>[A-Za-z0-9][A-Za-z0-9_.-]*)(?<rest>/.*)?\$ {
        proxy_connect_timeout 2s;
        proxy_pass http://\$pool\$rest;
    }
}
SITE
    ln -s /etc/nginx/sites-available/default /etc/nginx/sites-enabled/default
    rm -f /var/log/nginx/*
    exit
fi
exec /etc/init.d/nginx start
