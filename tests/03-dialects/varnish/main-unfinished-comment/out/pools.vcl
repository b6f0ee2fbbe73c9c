include "./pool-a.vcl";
/* no end
