"""A restore that the conf asks for has been made."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.checks.host_facts import HostFacts
from teleport_bootstrap.finding import ERROR, Finding
from teleport_bootstrap.host import systemd
from teleport_bootstrap.state import restore_record


def state(host: HostFacts) -> str:
    """Return how a restore that the conf asks for stands: failed, under way, or pending."""
    unit = host.units.get(restore_record.RESTORE_SERVICE, systemd.State())
    return "failed" if unit.is_failing else "under way" if unit.active == "activating" else "pending"


def check(host: HostFacts) -> Iterator[Finding]:
    """Report a restore that has not been made yet."""
    archive = host.conf.pending_restore
    if archive is None:
        return
    path = host.root.path(paths.CONF)
    service = restore_record.RESTORE_SERVICE
    log = f"see `journalctl -b -u {service}`; " if state(host) == "failed" else ""
    yield Finding(
        ERROR,
        "restore-pending",
        path,
        f"{path} asks to restore {archive}, which has not been restored yet ({state(host)})",
        log + restore_record.way_out(host.root),
    )
