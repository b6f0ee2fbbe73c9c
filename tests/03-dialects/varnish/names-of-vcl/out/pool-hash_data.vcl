import directors;
backend pool__hash_5fdata__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new pool__hash_5fdata = directors.round_robin();
  pool__hash_5fdata.add_backend(pool__hash_5fdata__10_2e0_2e0_2e1_3a80);
}
