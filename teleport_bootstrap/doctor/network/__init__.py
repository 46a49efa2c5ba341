"""Checks of names, of the ways through the network, and of what answers at the other end."""
