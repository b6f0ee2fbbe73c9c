import directors;
backend App-__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new App- = directors.round_robin();
  App-.add_backend(App-__10_2e0_2e0_2e1_3a80);
}
