director app round-robin {
  {
    .backend = {
      .host = "10.0.0.1";
      .port = "80";
    }
  }
  {
    .backend = {
      .host = "10.0.0.2";
      .port = "80";
    }
  }
}
