import directors;
backend pool__call__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__call = directors.round_robin();
  pool__call.add_backend(pool__call__10_2e0_2e0_2e1_3a80);
}
