include "./pool-1a.vcl";
