include "./pool-c.vcl";
include "./pool-h.vcl";
