include "./pool-a.vcl";
include "./pool-b
