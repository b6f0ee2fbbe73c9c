import directors;
backend b__10_2e0_2e0_2e1_3a80 {
      .host = "10.0.0.1";
      .port = "80";
    }
backend b__10_2e0_2e0_2e2_3a80 {
      .host = "10.0.0.2";
      .port = "80";
    }
sub vcl_init {
  new b = directors.round_robin();
  b.add_backend(b__10_2e0_2e0_2e1_3a80);
  b.add_backend(b__10_2e0_2e0_2e2_3a80);
}
