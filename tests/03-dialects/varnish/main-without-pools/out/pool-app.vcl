import directors;
sub vcl_init {
  new app = directors.round_robin();
}
