"""Checks whether a restore that the conf asks for has been made."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.checks.host_facts import HostFacts, log_of
from teleport_bootstrap.finding import ERROR, Finding
from teleport_bootstrap.state import restore_record


def state(host: HostFacts) -> str:
    """Return how a restore that the conf asks for stands: failed, under way, or pending."""
    unit = host.state_of(restore_record.RESTORE_SERVICE)
    return "failed" if unit.is_failing else "under way" if unit.active == "activating" else "pending"


def check(host: HostFacts) -> Iterator[Finding]:
    """Report a restore that the conf asks for and that has not been made yet."""
    if host.conf.pending_restore is not None:
        path, how = host.root.path(paths.CONF), state(host)
        message = f"{path} asks to restore {host.conf.pending_restore}, which has not been restored yet ({how})"
        log = f"{log_of(restore_record.RESTORE_SERVICE)}; " if how == "failed" else ""
        yield Finding(ERROR, "restore-pending", path, message, log + restore_record.way_out(host.root))
