import directors;
backend delete__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new delete = directors.round_robin();
  delete.add_backend(delete__10_2e0_2e0_2e1_3a80);
}
