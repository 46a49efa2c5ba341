"""The variables by theme; use them through `teleport_bootstrap.conf.variables`."""
