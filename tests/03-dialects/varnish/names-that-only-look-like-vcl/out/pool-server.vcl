import directors;
backend server__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new server = directors.round_robin();
  server.add_backend(server__10_2e0_2e0_2e1_3a80);
}
