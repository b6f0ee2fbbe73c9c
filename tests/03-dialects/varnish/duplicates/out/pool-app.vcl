import directors;
backend b3 { .host = "10.0.0.3"; .port = "80"; }
sub vcl_init {
  new app = directors.round_robin();
  app.add_backend(b3);
}
