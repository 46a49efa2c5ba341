"""Checks that Teleport is installed, has its configuration, and has one role."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.checks.host_facts import HostFacts
from teleport_bootstrap.finding import ERROR, Finding


def check(host: HostFacts) -> Iterator[Finding]:
    """Report a missing binary, a missing teleport.yaml, and a number of role markers other than one."""
    if host.binary is None:
        yield Finding(ERROR, "teleport-missing", "teleport", "no teleport binary is installed", "install Teleport")
    if host.conf.pending_restore is not None:
        return  # the restore brings both
    if not host.has_teleport_yaml:
        path, remedy = host.root.path(paths.TELEPORT_YAML), "run `teleport-bootstrap generate`"
        yield Finding(ERROR, "teleport-yaml-missing", path, f"{path} does not exist", remedy)
    if len(host.markers) != 1:
        path = host.root.path(paths.CONF_DIRECTORY)
        message = f"{path} must have one role marker, but has {len(host.markers)}"
        yield Finding(ERROR, "role-markers", path, message, "run `teleport-bootstrap reconfigure` to write it again")
