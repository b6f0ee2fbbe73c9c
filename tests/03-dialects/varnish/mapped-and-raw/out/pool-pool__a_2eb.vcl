import directors;
sub vcl_init {
  new pool__pool_5f_5fa_5f2eb = directors.round_robin();
}
