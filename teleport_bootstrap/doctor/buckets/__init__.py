"""Checks of the bucket with the session recordings and the certificate."""
