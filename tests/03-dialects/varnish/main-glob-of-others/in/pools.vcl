include +glob "./site-*.vcl";
