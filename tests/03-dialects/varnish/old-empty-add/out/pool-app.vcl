director app round-robin {
  { .backend = { .host = "10.0.0.1"; .port = "80"; } }
}
