import std; include "./pool-a.vcl"; include "./pool-b.vcl"; include "./pool-c.vcl"; sub vcl_recv { }
