import directors;
sub vcl_init {
  new app = directors.random();
}
