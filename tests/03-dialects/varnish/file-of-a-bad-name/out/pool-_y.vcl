import directors;
backend y__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new y = directors.round_robin();
  y.add_backend(y__10_2e0_2e0_2e1_3a80);
}
