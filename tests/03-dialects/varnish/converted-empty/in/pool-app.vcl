director app round-robin {}
