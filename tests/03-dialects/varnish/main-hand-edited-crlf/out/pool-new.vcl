import directors;
sub vcl_init {
  new pool__new = directors.round_robin();
}
