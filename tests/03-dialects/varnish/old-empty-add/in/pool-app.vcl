director app round-robin {
}
