import directors;
backend a_5fb__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new a_b = directors.round_robin();
  a_b.add_backend(a_5fb__10_2e0_2e0_2e1_3a80);
}
