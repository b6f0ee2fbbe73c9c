include "/etc/other/pool-app.vcl";
include "../pool-x.vcl";
include "./pool-app.vcl";
