import directors;
backend pool__a_5f_5fb__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__a_5f_5fb = directors.round_robin();
  pool__a_5f_5fb.add_backend(pool__a_5f_5fb__10_2e0_2e0_2e1_3a80);
}
