import directors;
backend director__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new director = directors.round_robin();
  director.add_backend(director__10_2e0_2e0_2e1_3a80);
}
