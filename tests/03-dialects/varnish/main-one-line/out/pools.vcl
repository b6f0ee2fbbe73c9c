import std; include "./pool-a.vcl"; include "./pool-c.vcl"; include "./pool-app.vcl"; sub vcl_recv { }
