"""Checks of the backups of this host."""
