# include "./pool-app.vcl"; for now
include "./pool-app.vcl";
