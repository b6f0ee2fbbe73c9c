import directors;
backend other__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new other = directors.round_robin();
  other.add_backend(other__10_2e0_2e0_2e1_3a80);
}
