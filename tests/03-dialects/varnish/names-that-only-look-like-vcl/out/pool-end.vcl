import directors;
backend end__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new end = directors.round_robin();
  end.add_backend(end__10_2e0_2e0_2e1_3a80);
}
