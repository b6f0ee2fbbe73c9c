import directors;
backend app_5f__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new app_ = directors.round_robin();
  app_.add_backend(app_5f__10_2e0_2e0_2e1_3a80);
}
