import directors;
backend new2__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new new2 = directors.round_robin();
  new2.add_backend(new2__10_2e0_2e0_2e1_3a80);
}
