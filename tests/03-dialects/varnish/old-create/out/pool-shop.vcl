director shop round-robin {
  { .backend = { .host = "10.0.0.1"; .port = "80"; } }
  { .backend = { .host = "::1"; .port = "8080"; } }
}
