import directors; backend b2 {.host="10.0.0.2";.port="80";} sub vcl_init { new app=directors.round_robin();app.add_backend(b2); }
