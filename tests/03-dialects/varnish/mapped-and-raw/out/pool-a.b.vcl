import directors;
backend pool_5f_5fa_5f2eb__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
backend pool_5f_5fa_5f2eb__10_2e0_2e0_2e2_3a80 { .host = "10.0.0.2"; .port = "80"; }
backend pool__a_2eb__10_2e0_2e0_2e3_3a80 { .host = "10.0.0.3"; .port = "80"; }
sub vcl_init {
  new pool__a_2eb = directors.round_robin();
  pool__a_2eb.add_backend(pool_5f_5fa_5f2eb__10_2e0_2e0_2e1_3a80);
  pool__a_2eb.add_backend(pool_5f_5fa_5f2eb__10_2e0_2e0_2e2_3a80);
  pool__a_2eb.add_backend(pool__a_2eb__10_2e0_2e0_2e3_3a80);
}
