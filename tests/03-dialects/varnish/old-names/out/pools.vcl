include "/etc/lb/pool-1a.b.vcl";
include "/etc/lb/pool-std.vcl";
