director d dns {
  .list = {
    .host_header = "www.example";
    "192.168.16.0"/28;
  }
  .ttl = 5m;
}
