# the shop
probe health { .url = "/health"; }
backend b9 { .host = "10.0.0.9"; .port = "80"; .probe = health; }   # the reserve
director app random {
    .retries = 5;
    # rack 1
    { .backend = { .host = "10.0.0.1"; .port = "80"; .connect_timeout = 1s; .probe = { .url = "/"; } } .weight = 5; }   # strong
    {
        .backend = {
            .host = "10.0.0.2";
            .port = "80";
        }
        .weight = 2;
    }
    { .backend = b9; .weight = 1; }
    // no port
    { .backend = { .host = "10.0.0.4"; } .weight = 1; }
    { .backend = { .host = "10.0.0.1"; .port = "80"; } .weight = 1; }
}
# end }
