"""Checks of the instance: its metadata, its role, its clock."""
