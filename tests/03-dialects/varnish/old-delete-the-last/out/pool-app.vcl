director app round-robin {
  { .backend = { .host = "127.0.0.1"; .port = "1"; .max_connections = 1; } } # pool is empty
}
