"""Whether the domain of the cluster resolves."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor.check import NETWORK, Check
from teleport_bootstrap.doctor.network import name_findings, names
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import Finding


def _run(subject: Subject) -> Iterator[Finding]:
    yield from name_findings.resolving(subject, names.domain(subject))


CHECK = Check("domain-name", NETWORK, "the domain of the cluster, TELEPORT_DOMAIN_NAME: whether it resolves", _run)
