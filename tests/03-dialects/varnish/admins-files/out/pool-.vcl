import directors;
backend x__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new x = directors.round_robin();
  x.add_backend(x__10_2e0_2e0_2e1_3a80);
}
