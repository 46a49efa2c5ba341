"""Teleport's own updater is not enabled on a host that is configured from a conf."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.checks.host_facts import HostFacts
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.instance import managed_updates


def check(host: HostFacts) -> Iterator[Finding]:
    """Report an updater that is enabled, whether it is held back or not; without a role, it is in charge."""
    found = managed_updates.enabled(host.root) if host.markers else None
    if found is not None:
        yield found
