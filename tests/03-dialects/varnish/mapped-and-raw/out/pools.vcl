include "./pool-a.b.vcl";
include "./pool-pool__a_2eb.vcl";
