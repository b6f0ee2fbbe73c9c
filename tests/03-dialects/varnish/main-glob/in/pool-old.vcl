import directors;
sub vcl_init {
  new old = directors.round_robin();
}
