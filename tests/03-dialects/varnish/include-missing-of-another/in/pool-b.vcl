import directors;
sub vcl_init {
  new b = directors.round_robin();
}
