import directors;
backend real__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new real = directors.round_robin();
  real.add_backend(real__10_2e0_2e0_2e1_3a80);
}
