"""Decides whether an archive can be restored on this instance, and plans the restore."""
