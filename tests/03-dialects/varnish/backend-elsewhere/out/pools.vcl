backend other { .host = "10.9.9.9"; .port = "80"; }
include "./pool-app.vcl";
