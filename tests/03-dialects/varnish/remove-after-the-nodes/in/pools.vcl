include "./pool-app.vcl";
include "./pool-other.vcl";
