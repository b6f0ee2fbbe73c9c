import directors;
backend pool__true__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__true = directors.round_robin();
  pool__true.add_backend(pool__true__10_2e0_2e0_2e1_3a80);
}
