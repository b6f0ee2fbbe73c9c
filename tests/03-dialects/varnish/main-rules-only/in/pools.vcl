# rules
sub vcl_recv {
  set req.http.X = "1";
}
