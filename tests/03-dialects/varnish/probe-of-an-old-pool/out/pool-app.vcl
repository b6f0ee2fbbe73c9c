# probe h {
#   .url = "/";
# }
director app round-robin {
  { .backend = { .host = "10.0.0.2"; .port = "80"; } }
}
