"""An all-in-one without a name still has the address that teleport.yaml names."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.checks.host_facts import HostFacts
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.instance import own_address
from teleport_bootstrap.plan import plan_model


def check(host: HostFacts) -> Iterator[Finding]:
    """Report an address that EC2 has given to another instance meanwhile."""
    if isinstance(host.conf.wanted, plan_model.Activation):
        found = own_address.stale(host.root, host.conf.wanted.deployment)
        if found is not None:
            yield found
