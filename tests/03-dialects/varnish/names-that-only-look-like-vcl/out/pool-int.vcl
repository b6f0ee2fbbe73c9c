import directors;
backend int__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new int = directors.round_robin();
  int.add_backend(int__10_2e0_2e0_2e1_3a80);
}
