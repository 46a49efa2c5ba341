"""Checks that the certificates of Teleport's web port are valid, and were renewed in time."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.checks.host_facts import HostFacts
from teleport_bootstrap.finding import ERROR, WARNING, Finding

# Let's Encrypt's certificates are renewed a month before they expire; one that is this close to it was not renewed.
RENEWED_BEFORE_SECONDS = 14 * 24 * 3600


def check(host: HostFacts) -> Iterator[Finding]:
    """Report certificates of Teleport's web port that have expired or were not renewed in time."""
    for each in host.certificates:
        path, remaining = host.root.path(each.path), each.remaining_seconds(host.now)
        if remaining is not None and remaining <= 0:
            yield Finding(ERROR, "certificate-expired", path, f"{path} expired at {each.expires}")
        elif remaining is not None and remaining < RENEWED_BEFORE_SECONDS:
            message = f"{path} expires at {each.expires}, and has not been renewed"
            yield Finding(WARNING, "certificate-expiring", path, message)
