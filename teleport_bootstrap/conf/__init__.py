"""/etc/teleport.d/conf: its grammar, the table of its variables, and the typed result."""
