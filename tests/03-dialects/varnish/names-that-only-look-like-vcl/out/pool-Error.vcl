import directors;
backend Error__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new Error = directors.round_robin();
  Error.add_backend(Error__10_2e0_2e0_2e1_3a80);
}
