import directors;
backend none__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new none = directors.round_robin();
  none.add_backend(none__10_2e0_2e0_2e1_3a80);
}
