include "./pool-other.vcl";
