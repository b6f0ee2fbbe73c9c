import directors;
sub vcl_init {
  new x = directors.round_robin();
}
