include "./pool-app.vcl";
sub vcl_recv { set req.backend_hint = app__10_2e0_2e0_2e1_3a80; }
