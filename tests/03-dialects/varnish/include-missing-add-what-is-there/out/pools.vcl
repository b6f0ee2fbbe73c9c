include "./pool-b.vcl";
include "./pool-app.vcl";
