import directors;
backend pool__if__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__if = directors.round_robin();
  pool__if.add_backend(pool__if__10_2e0_2e0_2e1_3a80);
}
