import directors;
backend pool__synthetic__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__synthetic = directors.round_robin();
  pool__synthetic.add_backend(pool__synthetic__10_2e0_2e0_2e1_3a80);
}
