import directors;
backend site__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new site = directors.round_robin();
  site.add_backend(site__10_2e0_2e0_2e1_3a80);
}
