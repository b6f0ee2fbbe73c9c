import directors;
sub vcl_init { new app = directors.round_robin(); }

backend b2 { .host = "10.0.0.2"; .port = "80"; }
backend app__10_2e0_2e0_2e3_3a80 { .host = "10.0.0.3"; .port = "80"; }
sub vcl_init {
}
sub vcl_init {
	app.add_backend(b2);
	app.add_backend(app__10_2e0_2e0_2e3_3a80);
}
