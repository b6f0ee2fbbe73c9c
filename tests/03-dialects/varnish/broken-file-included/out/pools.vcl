include "./pool-app.vcl";
include "./pool-shop.vcl";
