include "/etc/lb/pool-app.vcl";
include "/etc/lb/pool-shop.vcl";
