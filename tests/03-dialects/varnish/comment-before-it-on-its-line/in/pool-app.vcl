import directors;
/* of
   old */ backend b1 { .host = "10.0.0.1"; .port = "80"; } /* new
 */ backend b2 { .host = "10.0.0.2"; .port = "80"; } // c
sub vcl_init {
  new app = directors.round_robin();
  /* a */ app.add_backend(b1); /* b */ app.add_backend(b2); /* c */
}
