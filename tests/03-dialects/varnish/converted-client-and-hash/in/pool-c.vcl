director c client {
  { .backend = { .host = "10.0.0.1"; .port = "80"; } }
}
