# the shop
probe health { .url = "/health"; }
backend b9 { .host = "10.0.0.9"; .port = "80"; .probe = health; }   # the reserve
import directors;
    # rack 1
backend app__10_2e0_2e0_2e1_3a80 { .host = "10.0.0.1"; .port = "80"; .connect_timeout = 1s; .probe = { .url = "/"; } }   # strong
backend app__10_2e0_2e0_2e2_3a80 {
            .host = "10.0.0.2";
            .port = "80";
        }
    // no port
backend app__ { .host = "10.0.0.4"; }
backend app__10_2e0_2e0_2e1_3a80__2 { .host = "10.0.0.1"; .port = "80"; }
sub vcl_init {
  new app = directors.random();
  app.add_backend(app__10_2e0_2e0_2e1_3a80, 5);
  app.add_backend(app__10_2e0_2e0_2e2_3a80, 2);
  app.add_backend(b9, 1);
  app.add_backend(app__, 1);
  app.add_backend(app__10_2e0_2e0_2e1_3a80__2, 1);
}
# end }
