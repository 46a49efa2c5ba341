"""Checks of the load balancers in front of this instance, and of their target groups."""
