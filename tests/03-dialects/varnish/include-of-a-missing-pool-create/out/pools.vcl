include "./pool-app.vcl";
include "./pool-b.vcl";
