import directors;
backend main__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new main = directors.round_robin();
  main.add_backend(main__10_2e0_2e0_2e1_3a80);
}
