include +glob "./site-*.vcl";
include "./pool-app.vcl";
