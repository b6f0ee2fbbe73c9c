import directors;
backend fetch__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new fetch = directors.round_robin();
  fetch.add_backend(fetch__10_2e0_2e0_2e1_3a80);
}
