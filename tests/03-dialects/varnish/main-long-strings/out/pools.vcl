include {"./pool-a.vcl"};
include """./pool-b.vcl""";
include "./pool-app.vcl";
sub vcl_synth { synthetic({"<p>sub vcl_recv { "quoted" }
include "x"; </p>"}); return (deliver); }
