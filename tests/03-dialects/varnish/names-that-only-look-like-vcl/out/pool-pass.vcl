import directors;
backend pass__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pass = directors.round_robin();
  pass.add_backend(pass__10_2e0_2e0_2e1_3a80);
}
