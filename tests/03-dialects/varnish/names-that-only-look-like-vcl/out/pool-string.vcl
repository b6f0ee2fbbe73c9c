import directors;
backend string__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new string = directors.round_robin();
  string.add_backend(string__10_2e0_2e0_2e1_3a80);
}
