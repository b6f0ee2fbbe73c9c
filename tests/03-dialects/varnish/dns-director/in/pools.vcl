include "./pool-d.vcl";
