import directors;
backend pool__pool_5f_5fa_5f2eb__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__pool_5f_5fa_5f2eb = directors.round_robin();
  pool__pool_5f_5fa_5f2eb.add_backend(pool__pool_5f_5fa_5f2eb__10_2e0_2e0_2e1_3a80);
}
