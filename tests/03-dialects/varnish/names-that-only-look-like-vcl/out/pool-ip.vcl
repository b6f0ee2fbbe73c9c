import directors;
backend ip__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new ip = directors.round_robin();
  ip.add_backend(ip__10_2e0_2e0_2e1_3a80);
}
