import directors;
sub vcl_init {
  new App = directors.round_robin();
}
