"""Backups: what goes into them, and where they are kept."""
