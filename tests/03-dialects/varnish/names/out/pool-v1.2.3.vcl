import directors;
backend pool__v1_2e2_2e3__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__v1_2e2_2e3 = directors.round_robin();
  pool__v1_2e2_2e3.add_backend(pool__v1_2e2_2e3__10_2e0_2e0_2e1_3a80);
}
