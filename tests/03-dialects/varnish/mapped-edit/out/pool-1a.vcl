import directors;
backend pool_5f_5f1a__10_2e0_2e0_2e2_3a80 { .host = "10.0.0.2"; .port = "80"; }
backend pool__1a__10_2e0_2e0_2e3_3a80 { .host = "10.0.0.3"; .port = "80"; }
sub vcl_init {
  new pool__1a = directors.round_robin();
  pool__1a.add_backend(pool_5f_5f1a__10_2e0_2e0_2e2_3a80);
  pool__1a.add_backend(pool__1a__10_2e0_2e0_2e3_3a80);
}
