include "pool-app.vcl";
