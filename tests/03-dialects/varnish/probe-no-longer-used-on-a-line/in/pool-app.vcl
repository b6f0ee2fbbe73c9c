import directors; probe h { .url = "/"; } backend b1 { .host = "10.0.0.1"; .port = "80"; .probe = h; } sub vcl_init { new app = directors.round_robin(); app.add_backend(b1); }
