import directors;
backend miss__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new miss = directors.round_robin();
  miss.add_backend(miss__10_2e0_2e0_2e1_3a80);
}
