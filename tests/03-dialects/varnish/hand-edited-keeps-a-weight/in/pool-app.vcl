# The shop. Ask Ann { before you } touch this; backend x { .host = "1.2.3.4"; }
import directors;
import std;

probe health {
    .url = "/health";   # } not the end
    .interval = 5s;
}

/* The old rack,
   backend y { } */
backend app1 {
    .host = "10.0.0.1";    # rack 1 {
    .port = "80";
    .connect_timeout = 0.5s;
    .first_byte_timeout = 60s;
    .probe = health;
}
// the new one
backend app2 { .host = "10.0.0.2"; .port = "80"; .probe = { .url = "/"; .timeout = 2s; } .max_connections = 250; }
backend app3 { .path = "/run/app.sock"; }   # beside it
backend app4 { .host = "10.0.0.4"; }
backend app5 { .host = "10.0.0.5:8080"; }
backend app6 { .host = "::1"; .port = "80"; }
backend app7 { .host = "10.0.0.7"; .port = "http"; }

sub vcl_init {
    # how they are asked
    new app = directors.random();
    app.add_backend(app1, 10.0);   # strong
    app.add_backend(app2,
        5.0);
    app.add_backend(app3, 1.0);
    app.add_backend(app4, 1.0); app.add_backend(app5, 1.0);
    app.add_backend(app6, 1.0);
    app.add_backend(app7, 1.0);
    std.log("ready; app.add_backend(app8);");
}
# end }
