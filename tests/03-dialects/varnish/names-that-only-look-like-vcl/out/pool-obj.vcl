import directors;
backend obj__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new obj = directors.round_robin();
  obj.add_backend(obj__10_2e0_2e0_2e1_3a80);
}
