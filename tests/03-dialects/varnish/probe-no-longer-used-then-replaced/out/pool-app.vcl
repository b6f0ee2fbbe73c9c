import directors;

# is it well?
# probe health {
#   .url = "/health"; # and { no more
#   .interval = 5s;
# }
probe other { .url = "/other"; }
backend b3 { .host = "10.0.0.3"; .port = "80"; .probe = other; }
backend app__10_2e0_2e0_2e9_3a80 { .host = "10.0.0.9"; .port = "80"; }
sub vcl_init {
  new app = directors.round_robin();
  app.add_backend(b3);
  app.add_backend(app__10_2e0_2e0_2e9_3a80);
}
