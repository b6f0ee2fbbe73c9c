import directors;
backend pool__req__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__req = directors.round_robin();
  pool__req.add_backend(pool__req__10_2e0_2e0_2e1_3a80);
}
