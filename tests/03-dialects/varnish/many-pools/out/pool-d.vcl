import directors;
backend d__10_2e0_2e0_2e2_3a80 { .host = "10.0.0.2"; .port = "80"; }
sub vcl_init {
  new d = directors.round_robin();
  d.add_backend(d__10_2e0_2e0_2e2_3a80);
}
