"""Checks of this host itself, without the network."""
