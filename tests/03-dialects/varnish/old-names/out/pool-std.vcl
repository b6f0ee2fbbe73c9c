director pool__std round-robin {
  { .backend = { .host = "10.0.0.2"; .port = "80"; } }
}
