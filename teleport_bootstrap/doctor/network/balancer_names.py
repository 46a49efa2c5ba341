"""Whether the names of the load balancers resolve."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor.check import NETWORK, Check
from teleport_bootstrap.doctor.network import name_findings, names
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import Finding


def _auth(subject: Subject) -> Iterator[Finding]:
    yield from name_findings.resolving(subject, names.auth_balancer(subject))


def _proxy(subject: Subject) -> Iterator[Finding]:
    for name in names.proxy_balancers(subject):
        yield from name_findings.resolving(subject, name)


CHECKS = (
    Check("auth-balancer-name", NETWORK, "the name in TELEPORT_AUTH_SERVER_LB: whether it resolves", _auth),
    Check(
        "proxy-balancer-name",
        NETWORK,
        "the names in TELEPORT_PROXY_SERVER_LB and TELEPORT_PROXY_SERVER_NLB_ALIAS: whether they resolve",
        _proxy,
    ),
)
