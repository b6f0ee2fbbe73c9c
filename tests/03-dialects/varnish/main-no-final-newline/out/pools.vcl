# pools
include "./pool-a.vcl";
include "./pool-app.vcl";