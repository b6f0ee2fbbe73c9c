import directors;
backend a-b__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new a-b = directors.round_robin();
  a-b.add_backend(a-b__10_2e0_2e0_2e1_3a80);
}
