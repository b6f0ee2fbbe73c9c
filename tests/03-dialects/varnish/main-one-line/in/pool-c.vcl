import directors;
sub vcl_init {
  new c = directors.round_robin();
}
