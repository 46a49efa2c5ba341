"""Whether the balancer lets agents find every proxy.

Without proxy peering an agent opens a tunnel to each proxy: it connects to the balancer again and again until it has
met all of them. A network balancer that sends a client always to the same target keeps it from that, and the agent is
offline for everyone who comes through another proxy. The cookies of an ALB do not matter, since agents keep none.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor.balancers import targets
from teleport_bootstrap.doctor.check import BALANCERS, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import NOTE, WARNING, Finding
from teleport_bootstrap.plan import services

_BY_ADDRESS = "source_ip"


def _run(subject: Subject) -> Iterator[Finding]:
    tunnels = {
        each.port
        for each in services.listeners(subject.document)
        if each.path in (("proxy_service", "web_listen_addr"), ("proxy_service", "tunnel_listen_addr"))
    }
    own = [each for each in targets.of_host(subject) if each.port in tunnels]
    if not own:
        raise Skipped("no target group leads to the tunnels of a proxy here")
    for target in own:
        found = targets.attributes(subject, target.group)
        others = {each.target for each in targets.healths(subject, target.group)} - {target.name}
        if found.get("stickiness.enabled") == "true" and found.get("stickiness.type") == _BY_ADDRESS and others:
            message = (
                f"{target.group.name} sends each client always to the same of {1 + len(others)} proxies, so that "
                "agents do not reach the others, unless the cluster uses proxy peering"
            )
            words = (
                f"modify-target-group-attributes --target-group-arn {target.group.arn} "
                "--attributes Key=stickiness.enabled,Value=false"
            )
            remedy = f"run `{targets.command(subject, words)}`"
            yield Finding(WARNING, "target-stickiness", target.group.name, message, remedy)
            return
    groups = " and ".join(each.group.name for each in own)
    yield Finding(NOTE, "target-stickiness", own[0].group.name, f"agents reach every proxy through {groups}")


CHECK = Check(
    "target-stickiness", BALANCERS, "stickiness of the target groups of proxies, which agents suffer from", _run
)
