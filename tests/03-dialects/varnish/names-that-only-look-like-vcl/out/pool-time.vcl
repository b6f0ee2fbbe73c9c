import directors;
backend time__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new time = directors.round_robin();
  time.add_backend(time__10_2e0_2e0_2e1_3a80);
}
