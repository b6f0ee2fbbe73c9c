include "./pool-App.vcl";
