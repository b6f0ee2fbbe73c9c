include "./pool-app.vcl";
