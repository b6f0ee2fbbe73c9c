include "/etc/other/pool-app.vcl";
include "../pool-x.vcl";
