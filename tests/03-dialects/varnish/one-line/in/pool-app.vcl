import directors; backend b1 { .host = "10.0.0.1"; .port = "80"; } backend b2 {.host="10.0.0.2";.port="80";} sub vcl_init { new app=directors.round_robin();app.add_backend(b1);app.add_backend(b2); }
