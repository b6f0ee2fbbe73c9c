import directors;
backend bytes__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new bytes = directors.round_robin();
  bytes.add_backend(bytes__10_2e0_2e0_2e1_3a80);
}
