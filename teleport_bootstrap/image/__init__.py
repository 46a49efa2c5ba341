"""Judging an image before it is made into instances."""
