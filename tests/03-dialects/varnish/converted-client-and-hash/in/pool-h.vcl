director h hash {
  { .backend = { .host = "10.0.0.1"; .port = "80"; } .weight = 3; }
}
