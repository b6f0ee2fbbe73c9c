import directors;
backend s { .path = "/run/app.sock"; }
sub vcl_init {
  new app = directors.fallback();
  app.add_backend(s);
}
