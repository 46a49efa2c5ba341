"""Changing a machine as one transaction, and returning to its previous state if Teleport does not become healthy."""
