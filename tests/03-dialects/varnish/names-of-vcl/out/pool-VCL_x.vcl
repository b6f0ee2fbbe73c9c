import directors;
backend pool__VCL_5fx__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__VCL_5fx = directors.round_robin();
  pool__VCL_5fx.add_backend(pool__VCL_5fx__10_2e0_2e0_2e1_3a80);
}
