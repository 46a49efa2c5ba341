"""Checks of this host; each returns findings."""
