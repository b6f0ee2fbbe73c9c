import directors;
backend app___5bfe80_3a_3a2_5d_3a80 { .host = "fe80::2"; .port = "80"; }
backend app___5b2001_3adb8_3a_3a1_5d_3a8080 { .host = "2001:db8::1"; .port = "8080"; }
backend app___5b_3a_3a1_5d_3a80 { .host = "::1"; .port = "80"; }
sub vcl_init {
  new app = directors.round_robin();
  app.add_backend(app___5bfe80_3a_3a2_5d_3a80);
  app.add_backend(app___5b2001_3adb8_3a_3a1_5d_3a8080);
  app.add_backend(app___5b_3a_3a1_5d_3a80);
}
