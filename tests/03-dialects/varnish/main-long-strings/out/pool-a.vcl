import directors;
sub vcl_init {
  new a = directors.round_robin();
}
