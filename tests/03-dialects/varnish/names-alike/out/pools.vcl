include "./pool-a.b.vcl";
include "./pool-a_2eb.vcl";
include "./pool-a__b.vcl";
include "./pool-pool__a_2eb.vcl";
include "./pool-a_b.vcl";
include "./pool-a-b.vcl";
include "./pool-a_5fb.vcl";
