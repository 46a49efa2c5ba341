"""Checks of the parameters in SSM that this host reads, and of those that it publishes."""
