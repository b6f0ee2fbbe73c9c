import directors;

# is it well?
probe health {
  .url = "/health"; # and { no more
  .interval = 5s;
}
probe other { .url = "/other"; }
backend b2 { .host = "10.0.0.2"; .port = "80"; .probe = Health; }
backend b3 { .host = "10.0.0.3"; .port = "80"; .probe = other; }
sub vcl_init {
  new app = directors.round_robin();
  app.add_backend(b2);
  app.add_backend(b3);
}
