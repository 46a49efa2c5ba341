"""The installed Teleport has no known fault, and is not newer than what this agent was checked with."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.checks.host_facts import HostFacts
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import teleport_versions


def check(host: HostFacts) -> Iterator[Finding]:
    """Report what is known of the installed version."""
    if host.binary is not None and host.build is not None:
        yield from teleport_versions.findings(host.build.number)
