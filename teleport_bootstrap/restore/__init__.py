"""Putting a backup in place on this instance, whole or not at all, and back if Teleport is not well with it."""
