"""Booted machines with a real Teleport, for those who have its binaries: `./dev real-teleport DIR`."""
