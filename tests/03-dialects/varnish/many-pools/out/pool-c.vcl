import directors;
backend c__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new c = directors.round_robin();
  c.add_backend(c__10_2e0_2e0_2e1_3a80);
}
