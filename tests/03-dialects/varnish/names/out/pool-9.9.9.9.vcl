import directors;
backend pool__9_2e9_2e9_2e9__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__9_2e9_2e9_2e9 = directors.round_robin();
  pool__9_2e9_2e9_2e9.add_backend(pool__9_2e9_2e9_2e9__10_2e0_2e0_2e1_3a80);
}
