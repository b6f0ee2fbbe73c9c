include "/etc/lb/pool-app.vcl";
