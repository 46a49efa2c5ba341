"""Which load balancer of this account is in front of this host, under a name of the conf."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.aws.load_balancers import LoadBalancer
from teleport_bootstrap.conf import variables
from teleport_bootstrap.doctor.balancers import targets
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.plan import services


def of_name(subject: Subject, name: str) -> LoadBalancer | None:
    """Return the balancer for `name`, None where that cannot be known.

    It is the one with this DNS name, otherwise the only one that forwards to what the name stands for on this host.
    """
    try:
        with_name = [each for each in targets.balancers(subject) if is_called(each, name)]
        found = with_name or list(dict.fromkeys(_forwarding(subject, name)))
    except (errors.BootstrapError, Skipped):
        return None
    return found[0] if len(found) == 1 else None


def is_called(balancer: LoadBalancer, name: str) -> bool:
    """Whether `name` is the balancer's own DNS name; for IPv6 too it begins with `dualstack.`."""
    return name.removeprefix("dualstack.") == balancer.dns_name.lower()


def _forwarding(subject: Subject, name: str) -> Iterator[LoadBalancer]:
    is_auth = name == (subject.conf.value(variables.TELEPORT_AUTH_SERVER_LB) or "").lower()
    is_domain = name == (subject.conf.value(variables.TELEPORT_DOMAIN_NAME) or "").lower()
    paths = {("auth_service", "listen_addr")} if is_auth else {("proxy_service", "web_listen_addr")}
    if not is_auth and not is_domain:
        paths = {("proxy_service", "listen_addr"), ("proxy_service", "tunnel_listen_addr")}
    ports = {each.port for each in services.listeners(subject.document) if each.path in paths}
    for target in targets.of_host(subject):
        if target.port in ports:
            yield from (balancer for balancer, _ in targets.in_front(subject, target.group))


def turns_away_own_targets(subject: Subject, port: int) -> bool:
    """Whether what listens on `port` is a network balancer that never answers its own targets.

    It keeps the address of the client by default for targets by instance id, and a host drops what seems to come from
    itself: "Requests time out for connections from a target to its load balancer" in its user guide.
    """
    try:
        for target in targets.of_host(subject):
            for balancer, listener in targets.in_front(subject, target.group):
                if balancer.kind == "network" and listener.port == port:
                    kept = targets.attributes(subject, target.group).get("preserve_client_ip.enabled")
                    if kept == "true" or (kept is None and target.group.kind == "instance"):
                        return True
    except (errors.BootstrapError, Skipped):
        return False
    return False
