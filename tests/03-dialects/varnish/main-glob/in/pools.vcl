include +glob "./pool-*.vcl";
