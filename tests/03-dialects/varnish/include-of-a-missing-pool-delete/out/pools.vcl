include "./pool-b.vcl";
