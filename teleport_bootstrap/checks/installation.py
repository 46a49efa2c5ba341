"""Checks that this host has a conf, and that Teleport is installed, has its configuration, and has one role."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.change import boot_service
from teleport_bootstrap.checks.host_facts import ABSENT, INVALID, HostFacts
from teleport_bootstrap.finding import ERROR, Finding


def check(host: HostFacts) -> Iterator[Finding]:
    """Report a missing conf or binary, a missing teleport.yaml, and a number of role markers other than one.

    What follows from a conf that is missing or invalid is not reported beside that.
    """
    step = f"`{boot_service.command(host.root)}`"
    if host.is_unconfigured and host.conf.state == ABSENT:
        path = host.root.path(paths.CONF)
        remedy = (
            f"write it (`teleport-bootstrap variables` lists what it can say), then run {step}; to restore a backup "
            "instead, run `teleport-bootstrap restore`"
        )
        yield Finding(ERROR, "conf-missing", path, f"{path} is missing, so this host has no role", remedy)
    elif host.is_unconfigured and host.conf.state == INVALID:
        path = host.root.path(paths.CONF)
        message = f"{path} cannot be followed, so this host is not configured"
        remedy = f"correct what is reported above; `teleport-bootstrap validate` checks it; then run {step}"
        yield Finding(ERROR, "not-configured", path, message, remedy)
    if host.binary is None:
        yield Finding(ERROR, "teleport-missing", "teleport", "no teleport binary is installed", "install Teleport")
    if host.conf.pending_restore is not None:
        return  # the restore brings both
    if host.is_unconfigured and host.conf.state in (ABSENT, INVALID):
        return
    if not host.has_teleport_yaml:
        path, remedy = host.root.path(paths.TELEPORT_YAML), f"run {step}"
        yield Finding(ERROR, "teleport-yaml-missing", path, f"{path} does not exist", remedy)
    if len(host.markers) != 1 and not (host.is_unconfigured and not host.markers):
        path = host.root.path(paths.CONF_DIRECTORY)
        message = f"{path} must have one role marker, but has {len(host.markers)}"
        yield Finding(ERROR, "role-markers", path, message, "run `teleport-bootstrap reconfigure` to write it again")
