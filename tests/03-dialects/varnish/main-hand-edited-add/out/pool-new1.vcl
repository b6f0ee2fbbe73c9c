import directors;
sub vcl_init {
  new new1 = directors.round_robin();
}
