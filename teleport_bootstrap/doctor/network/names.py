"""The names that the conf gives to the cluster: its domain, and the load balancers in front of it."""

from __future__ import annotations

import contextlib

from teleport_bootstrap.conf import kinds, variables
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.subject import Subject

# What the Terraform files of a single instance write for "there is none".
_NONE = "localhost"


def domain(subject: Subject) -> str:
    """Return the domain of the cluster; raises Skipped where the conf has none."""
    found = subject.conf.value(variables.TELEPORT_DOMAIN_NAME)
    if not found:
        raise Skipped("the conf does not set TELEPORT_DOMAIN_NAME")
    return found.lower()


def auth_balancer(subject: Subject) -> str:
    """Return the name in front of the auth servers; raises Skipped where the conf has none."""
    found = subject.conf.value(variables.TELEPORT_AUTH_SERVER_LB)
    if not found or found == _NONE:
        raise Skipped("the conf does not name a balancer in TELEPORT_AUTH_SERVER_LB")
    return found.lower()


def proxy_balancers(subject: Subject) -> tuple[str, ...]:
    """Return the names in front of the proxies besides the domain; raises Skipped where the conf has none."""
    balancer = subject.conf.value(variables.TELEPORT_PROXY_SERVER_LB)
    alias = subject.conf.value(variables.TELEPORT_PROXY_SERVER_NLB_ALIAS)
    named = [balancer.host if balancer is not None else "", alias or ""]
    own = subject.conf.value(variables.TELEPORT_DOMAIN_NAME) or ""
    found = tuple(dict.fromkeys(each.lower() for each in named if each and each != own))
    if not found:
        raise Skipped("the conf does not name a balancer in TELEPORT_PROXY_SERVER_LB")
    return found


def every(subject: Subject) -> tuple[str, ...]:
    """Return all of these names, each once."""
    found: list[str] = []
    for read in (domain, auth_balancer):
        with contextlib.suppress(Skipped):
            found.append(read(subject))
    with contextlib.suppress(Skipped):
        found += proxy_balancers(subject)
    return tuple(dict.fromkeys(found))


def is_address(name: str) -> bool:
    """Whether `name` is an address and not a name."""
    return kinds.is_address(name)
