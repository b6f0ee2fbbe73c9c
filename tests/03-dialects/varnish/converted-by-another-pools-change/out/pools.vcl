include "./pool-app.vcl";
include "./pool-b.vcl";
include "./pool-shop.vcl";
