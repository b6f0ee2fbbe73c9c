# The pools of the shop. Do not sort { these; include "./pool-x.vcl";
/* include "./pool-y.vcl"; */
import std;

  include "./pool-app.vcl";   # the shop
include "./pool-new.vcl";
// the rest
probe health { .url = "/health"; .interval = 5s; }
backend maintenance { .host = "10.9.9.9"; .port = "80"; .probe = health; }

sub vcl_recv {
    if (req.http.X == "include pool-z.vcl;") { set req.backend_hint = app.backend(); }
    else { set req.backend_hint = maintenance; }
}
# end }
