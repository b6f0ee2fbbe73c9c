vcl 4.0;
include "./pool-app.vcl";
