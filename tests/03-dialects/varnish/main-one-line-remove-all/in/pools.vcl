include "./pool-a.vcl"; /* c */ include "./pool-b.vcl";
