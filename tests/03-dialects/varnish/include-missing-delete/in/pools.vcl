# include "./pool-app.vcl"; for now
