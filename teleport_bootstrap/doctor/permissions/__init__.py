"""Checks of what the role of this instance may do."""
