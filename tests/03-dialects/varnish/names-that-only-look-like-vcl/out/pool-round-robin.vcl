import directors;
backend round-robin__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new round-robin = directors.round_robin();
  round-robin.add_backend(round-robin__10_2e0_2e0_2e1_3a80);
}
