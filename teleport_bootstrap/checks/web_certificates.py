"""Checks that Teleport would start with its key pairs, and that certificates were renewed in time."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import unit_table
from teleport_bootstrap.checks.host_facts import HostFacts, log_of
from teleport_bootstrap.finding import ERROR, WARNING, Finding


def check(host: HostFacts) -> Iterator[Finding]:
    """Report key pairs that keep Teleport from its next start, and certificates that were not renewed in time."""
    for pair in host.blocking_pairs:
        remedy = f"Do not restart Teleport before. {pair.unusable.remedy()}"
        yield Finding(ERROR, "certificate-blocks-start", pair.path, pair.message, remedy)
    for each in host.certificates:
        path, remaining = host.root.path(each.path), each.remaining_seconds(host.now)
        if remaining is not None and remaining <= 0:
            yield Finding(ERROR, "certificate-expired", path, f"{path} expired at {each.expires}", _renew(host))
        elif each.is_late(host.now):
            message = f"{path} expires at {each.expires}, and has not been renewed"
            yield Finding(WARNING, "certificate-expiring", path, message, _renew(host))


def _renew(host: HostFacts) -> str:
    """Return what to do about a certificate, which a job of this host renews or an operator has put here."""
    jobs = [each for each in (unit_table.RENEW_CERTIFICATE, unit_table.CHECK_CERTIFICATE) if each.timer in host.timers]
    if jobs:
        return log_of(jobs[0].service)
    return f"replace it, then run `systemctl reload {host.unit or 'teleport'}`"
