"""An auth server's work for the rest of its cluster: join tokens, CA pins, certificates, and the lock for it."""
