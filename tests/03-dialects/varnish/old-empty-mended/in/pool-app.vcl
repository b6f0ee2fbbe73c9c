director app round-robin { }
