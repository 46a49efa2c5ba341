"""Whether the security groups of this instance let in what Teleport serves, and no more than they should.

EC2 User Guide, "Security group rules": of all groups of an instance, each rule adds to what is allowed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence

from teleport_bootstrap import port_table
from teleport_bootstrap.aws import instances
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.doctor.check import INSTANCE, Check, Skipped
from teleport_bootstrap.doctor.instance import description
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.ec2 import items
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import services
from teleport_bootstrap.roles import Role

_EVERYONE = ("0.0.0.0/0", "::/0")
# Of OpenSSH, which images have beside Teleport.
_SSHD = 22
# People and other clusters need no direct way to these: only proxies and nodes of one's own network do.
_PRIVATE = (_SSHD, port_table.SSH, port_table.AUTH)
# Without the first listener of its role that others have to reach, a host serves nothing.
_FIRST = {
    Role.ALL: ("proxy_service", "web_listen_addr"),
    Role.PROXY: ("proxy_service", "web_listen_addr"),
    Role.AUTH: ("auth_service", "listen_addr"),
    Role.NODE: ("ssh_service", "listen_addr"),
}


def _groups(subject: Subject) -> tuple[instances.SecurityGroup, ...]:
    def ask() -> tuple[instances.SecurityGroup, ...]:
        found = subject.aws.instances.security_groups(description.read(subject).security_groups)
        if not found:
            raise Skipped("EC2 names no security group of this instance")
        return found

    return subject.once("security groups", ask)


def _open(subject: Subject) -> Iterator[Finding]:
    role = subject.activated.deployment.role
    wanted = [each for each in services.listeners(subject.document) if _is_for_others(each, role)]
    if not wanted:
        raise Skipped("Teleport listens on no port of this host that others use")
    groups = _groups(subject)
    named = ", ".join(each.group_id for each in groups)
    for each in wanted:
        if any(_covering(groups, each.port)):
            continue
        severity = ERROR if each.path == _FIRST.get(role) else WARNING
        message = f"no rule of {named} opens port {each.port}, where {each.path[0]} listens, to anyone"
        # Behind an ALB, only that connects to the web port, from the same VPC.
        is_behind_balancer = subject.activated.deployment.acm and each.path[1] == "web_listen_addr"
        is_public = each.path[0] == "proxy_service" and not is_behind_balancer
        network = _EVERYONE[0] if is_public else _network(subject)
        command = _command(subject, "authorize", groups[0], _permission("tcp", each.port, each.port, [network]))
        yield Finding(severity, "port-closed", str(each.port), message, f"run `{command}`")
    ports = sorted({each.port for each in wanted})
    yield Finding(NOTE, "ports-open", named, f"{named} let in at {', '.join(map(str, ports))}")


def _is_for_others(listener: services.Listener, role: Role) -> bool:
    if listener.host in ("localhost", "::1") or listener.host.startswith("127."):
        return False
    # The proxy of the same process is what connects to it.
    return not (role is Role.ALL and listener.path[0] == "ssh_service")


def _covering(groups: Sequence[instances.SecurityGroup], port: int) -> Iterator[instances.Permission]:
    for group in groups:
        for each in group.ingress:
            if each.covers("tcp", port) and (each.ipv4 or each.ipv6 or each.groups or each.prefix_lists):
                yield each


def _public(subject: Subject) -> Iterator[Finding]:
    groups = _groups(subject)
    for group in groups:
        for rule in group.ingress:
            everyone = [each for each in (*rule.ipv4, *rule.ipv6) if each in _EVERYONE]
            ports = [port for port in _PRIVATE if rule.covers("tcp", port)]
            if everyone and ports:
                listed = ", ".join(map(str, ports))
                message = f"{group.group_id} lets the whole internet in at port{'s' * (len(ports) > 1)} {listed}"
                yield Finding(
                    WARNING, "port-public", group.group_id, message, _close(subject, group, rule, everyone, ports)
                )
    named = ", ".join(each.group_id for each in groups)
    yield Finding(
        NOTE, "ports-private", named, f"{named} let the internet in at none of {', '.join(map(str, _PRIVATE))}"
    )


def _close(
    subject: Subject,
    group: instances.SecurityGroup,
    rule: instances.Permission,
    everyone: Sequence[str],
    ports: Sequence[int],
) -> str:
    """Return how to take back exactly this rule, and to let in one's own network instead."""
    revoke = _command(subject, "revoke", group, _permission(rule.protocol, rule.first, rule.last, everyone))
    opens = [
        _command(subject, "authorize", group, _permission("tcp", port, port, [_network(subject)]))
        for port in ports
        if port != _SSHD
    ]
    return (
        f"run `{' && '.join([revoke, *opens])}`, and let in at other ports of this rule what needs them; a host is "
        "reached without sshd by Session Manager, or by Teleport itself"
    )


def _permission(protocol: str, first: int | None, last: int | None, networks: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"IpProtocol": protocol}
    if first is not None and last is not None:
        found.update(FromPort=first, ToPort=last)
    for name, member, ranges in (
        ("IpRanges", "CidrIp", [each for each in networks if ":" not in each]),
        ("Ipv6Ranges", "CidrIpv6", [each for each in networks if ":" in each]),
    ):
        if ranges:
            found[name] = [{member: each} for each in ranges]
    return found


def _command(subject: Subject, verb: str, group: instances.SecurityGroup, permission: dict[str, Any]) -> str:
    written = json.dumps([permission], separators=(",", ":"))
    return (
        f"aws ec2 {verb}-security-group-ingress --region {subject.region} --group-id {group.group_id} "
        f"--ip-permissions {shlex.quote(written)}"
    )


def _network(subject: Subject) -> str:
    """Return the addresses of this VPC, or those of the subnet where metadata does not say them."""
    mac = (subject.metadata.get("mac") or "").strip("/ ")
    folder = f"network/interfaces/macs/{mac}"
    for name in ("vpc-ipv4-cidr-block", "subnet-ipv4-cidr-block"):
        found = (subject.metadata.get(f"{folder}/{name}") or "").strip()
        if kinds.is_address(found.partition("/")[0]):
            return found
    return f"{items.read_required(subject.metadata, items.LOCAL_IPV4)}/32"


CHECKS = (
    Check("security-groups", INSTANCE, "the security groups: whether they let in at Teleport's ports", _open),
    Check(
        "public-ports", INSTANCE, "the security groups: whether the whole internet gets at auth server and SSH", _public
    ),
)
