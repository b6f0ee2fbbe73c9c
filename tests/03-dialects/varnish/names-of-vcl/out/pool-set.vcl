import directors;
backend pool__set__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__set = directors.round_robin();
  pool__set.add_backend(pool__set__10_2e0_2e0_2e1_3a80);
}
