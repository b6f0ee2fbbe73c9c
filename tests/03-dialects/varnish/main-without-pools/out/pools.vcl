# rules
import std;
backend b { .host = "10.9.9.9"; }
include "./pool-app.vcl";

# what goes where
sub vcl_recv {
  set req.backend_hint = b;
}
