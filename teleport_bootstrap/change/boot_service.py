"""The service that configures this host at each boot: how to go on where it has failed."""

from __future__ import annotations

import contextlib
import os

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.host import systemd
from teleport_bootstrap.state import current

SERVICE = unit_table.GENERATE.service

_RESTART = f"systemctl restart {unit_table.GENERATE.name}"
_RECONFIGURE = "teleport-bootstrap reconfigure"


def command(root: paths.Root) -> str:
    """Return the command that goes on from a boot that could not configure this host.

    The service itself, where there is one: it has the proxies of /etc/default/teleport-bootstrap, and is no longer
    failed afterwards. On a host that is configured, `reconfigure`: a boot leaves teleport.yaml as it is.
    """
    if os.path.lexists(root.path(paths.TELEPORT_YAML)):
        return _RECONFIGURE
    return _RESTART if _is_here(root) else "teleport-bootstrap generate"


def advice(root: paths.Root, error: errors.BootstrapError) -> str:
    """Return what to do after what the hint of `error` says, with which this host could not be configured."""
    # The service tries again by itself, except after an error that only an operator can correct.
    if error.exit_status != errors.CONF_OR_USAGE and _is_here(root) and SERVICE in systemd.units_around():
        return f"It is tried again every 30 seconds; `{_RESTART}` tries it at once."
    return f"Then run `{command(root)}`."


def applying(root: paths.Root, data: bytes) -> str:
    """Return the command that applies `data`, the conf of this host; empty where it counts as applied, or who knows."""
    if not os.path.lexists(root.path(paths.TELEPORT_YAML)):
        return command(root)
    try:
        now = current.FILE.read(root)
    except errors.BootstrapError:
        return ""
    generation = current.known_generation(root, now)
    if now is None or generation is None or current.counts_as_applied(now, generation, data):
        return ""
    return _RECONFIGURE


def settle(root: paths.Root) -> None:
    """Let the service no longer count as failed, after a command that has configured this host; it may stay so."""
    # The service itself does not count as failed while it runs.
    if not _is_here(root) or SERVICE in systemd.units_around():
        return
    with contextlib.suppress(errors.BootstrapError):
        if systemd.states([SERVICE])[SERVICE].active == "failed":
            systemd.reset_failed(SERVICE)


def _is_here(root: paths.Root) -> bool:
    return systemd.is_running(root) and systemd.is_installed(root, SERVICE)
