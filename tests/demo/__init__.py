"""What `./dev demo` shows: the real command on simulated instances, on loopback and in scratch directories."""
