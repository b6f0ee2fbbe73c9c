import directors;
backend else__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new else = directors.round_robin();
  else.add_backend(else__10_2e0_2e0_2e1_3a80);
}
