include "./pool-a.vcl";
}
