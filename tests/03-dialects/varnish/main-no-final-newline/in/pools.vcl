# pools
include "./pool-a.vcl";