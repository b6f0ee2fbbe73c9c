# rules
include "./pool-app.vcl";
sub vcl_recv {
  set req.http.X = "1";
}
