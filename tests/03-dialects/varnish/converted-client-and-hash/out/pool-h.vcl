import directors;
backend h__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
backend h__10_2e0_2e0_2e3_3a80 { .host = "10.0.0.3"; .port = "80"; }
sub vcl_init {
  new h = directors.hash();
  h.add_backend(h__10_2e0_2e0_2e1_3a80, 3);
  h.add_backend(h__10_2e0_2e0_2e3_3a80, 1.0);
}
