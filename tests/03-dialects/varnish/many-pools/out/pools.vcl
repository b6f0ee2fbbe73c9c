include "./pool-a.vcl";
include "./pool-c.vcl";
include "./pool-d.vcl";
