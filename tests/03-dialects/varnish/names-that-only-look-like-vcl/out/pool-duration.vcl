import directors;
backend duration__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new duration = directors.round_robin();
  duration.add_backend(duration__10_2e0_2e0_2e1_3a80);
}
