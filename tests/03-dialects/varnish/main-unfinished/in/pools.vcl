include "./pool-a.vcl";
sub vcl_recv {
