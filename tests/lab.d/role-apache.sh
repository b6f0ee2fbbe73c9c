# shellcheck shell=sh
# On a host: apache on port 82 with the modules that a balancer needs. /POOL/... goes to balancer://POOL, whatever
# balancers there are; without it the answer is 500.
set -eu
if [ "$1" = setup ]; then
    echo "Listen 82" >/etc/apache2/ports.conf
    rm -f /etc/apache2/sites-enabled/* /var/log/apache2/*
    a2enmod -q proxy proxy_http proxy_balancer lbmethod_byrequests slotmem_shm headers rewrite status
    cat >/etc/apache2/sites-enabled/lab.conf <<SITE
ServerName $(hostname)
<VirtualHost *:82>
    RewriteEngine on
    RewriteRule "^/([A-Za-z0-9][A-Za-z0-9_.-]*)(/.*)?\$" "balancer://\$1\$2" [P]
</VirtualHost>
SITE
    exit
fi
exec /etc/init.d/apache2 start
