import directors;
backend app__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
backend app__10_2e0_2e0_2e2_3a80 { .host = "10.0.0.2"; .port = "80"; }
sub vcl_init {
  new app = directors.round_robin();
  app.add_backend(app__10_2e0_2e0_2e1_3a80);
  app.add_backend(app__10_2e0_2e0_2e2_3a80);
}
