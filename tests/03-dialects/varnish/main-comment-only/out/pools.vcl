# pools
include "./pool-app.vcl";
