"""Ordered steps that bring a machine to what a Plan says."""
