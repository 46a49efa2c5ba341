"""What is said of a name that the conf gives."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.network import resolution, route53
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding


def resolving(subject: Subject, name: str) -> Iterator[Finding]:
    """Yield whether `name` has an address; raises Skipped where a check of Route 53 says more."""
    found = resolution.addresses(subject, name)
    if found:
        yield Finding(NOTE, "name-resolves", name, f"{name} is {' and '.join(found[:3])}")
        return
    entry = route53.if_allowed(subject, name)
    if entry is not None and entry.records:
        raise Skipped(
            f"{name} does not resolve, but is in Route 53: see the checks `route53-target` and `route53-zone`"
        )
    message = f"{name} does not resolve: there is no DNS record for it"
    yield Finding(ERROR, "name-missing", name, message, route53.creation(subject, name))
