import directors;
backend a__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new a = directors.round_robin();
  a.add_backend(a__10_2e0_2e0_2e1_3a80);
}
