"""Pictures of a terminal for the documentation: the real command on a booted machine, and what its screen shows."""
