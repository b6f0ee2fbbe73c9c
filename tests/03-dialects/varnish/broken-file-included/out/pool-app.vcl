rubbish } ;
