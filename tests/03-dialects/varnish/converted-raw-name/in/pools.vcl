include "./pool-a.b.vcl";
