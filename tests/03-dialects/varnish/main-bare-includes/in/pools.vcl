include "pool-app.vcl";
include "pool-old.vcl";
