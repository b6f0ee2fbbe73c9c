# shellcheck shell=sh
# On a host: varnish on port 6081, its pools by include of pools.vcl, nothing cached.
# VCL must name a director to use it, so a test says which paths go where once the pool is there:
# `lab exec HOST lab-route app web=other` sends /app/... to the director app and /web/... to the director other.
set -eu
if [ "$1" = setup ]; then
    cat >/etc/varnish/default.vcl <<VCL
vcl 4.1;
backend default none;
include "/etc/varnish/pools.vcl";
include "/etc/varnish/routes.vcl";
sub vcl_recv {
    return (pass);
}
VCL
    : >/etc/varnish/pools.vcl
    : >/etc/varnish/routes.vcl
    cat >/usr/local/sbin/lab-route <<'ROUTE'
#!/bin/sh
for route; do
    printf 'sub vcl_recv { if (req.url ~ "^/%s(/|$)") { set req.backend_hint = %s.backend(); } }\n' "${route%=*}" "${route#*=}"
done >/etc/varnish/routes.vcl
exec /usr/share/varnish/varnishreload
ROUTE
    chmod 755 /usr/local/sbin/lab-route
    exit
fi
/etc/init.d/varnish start
# varnishd is back before it can be told anything; a reload would fail until then.
i=0
until varnishadm ping >/dev/null 2>&1 || [ $i -ge 100 ]; do
    i=$((i + 1))
    sleep 0.1
done
varnishadm ping
# Half a second of every reload would go to optimising.
varnishadm param.set cc_command '"exec gcc -fpic -shared -Wl,-x -O0 -o %o %s"'
