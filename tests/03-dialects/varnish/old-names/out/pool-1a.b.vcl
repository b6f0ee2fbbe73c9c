director pool__1a_2eb round-robin {
  { .backend = { .host = "10.0.0.1"; .port = "80"; } }
}
