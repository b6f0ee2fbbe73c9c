import directors;
backend shop__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new shop = directors.round_robin();
  shop.add_backend(shop__10_2e0_2e0_2e1_3a80);
}
