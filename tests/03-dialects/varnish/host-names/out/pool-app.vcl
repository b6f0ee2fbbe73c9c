import directors;
backend app__localhost_3a80 { .host = "localhost"; .port = "80"; }
backend app___4c_4f_43_41_4c_48_4f_53_54_3a80 { .host = "LOCALHOST"; .port = "80"; }
backend app__localhost_3a8080 { .host = "localhost"; .port = "8080"; }
sub vcl_init {
  new app = directors.round_robin();
  app.add_backend(app__localhost_3a80);
  app.add_backend(app___4c_4f_43_41_4c_48_4f_53_54_3a80);
  app.add_backend(app__localhost_3a8080);
}
