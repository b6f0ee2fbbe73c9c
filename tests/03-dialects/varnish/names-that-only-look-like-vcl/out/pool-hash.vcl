import directors;
backend hash__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new hash = directors.round_robin();
  hash.add_backend(hash__10_2e0_2e0_2e1_3a80);
}
