"""What an auth server does for the rest of its cluster: join tokens, CA pins, certificates, and one at a time."""
