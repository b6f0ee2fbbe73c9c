import directors;
include "./pool-app.vcl";
