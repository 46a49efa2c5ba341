"""Whether the balancers that the conf names forward to this instance."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from teleport_bootstrap.aws.load_balancers import LoadBalancer
from teleport_bootstrap.doctor.balancers import in_front, instance, targets
from teleport_bootstrap.doctor.check import BALANCERS, Check, Skipped
from teleport_bootstrap.doctor.network import announcements, names, route53
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding


def _run(subject: Subject) -> Iterator[Finding]:
    decided = subject.activated.deployment
    if not (decided.role.runs_auth or decided.role.runs_proxy):
        raise Skipped("a host of this role is behind no load balancer")
    named = {each.arn: each for each in _balancers(subject)}
    ports = {each.listener.port: each for each in announcements.every(subject)}
    own = instance.this(subject)
    missing = []
    registered = []
    for arn, balancer in named.items():
        of_balancer = [
            each
            for each in targets.groups(subject)
            if each.port in ports and any(found.arn == arn for found, _ in targets.in_front(subject, each))
        ]
        for group in of_balancer:
            targets_here = [each for each in targets.healths(subject, group) if each.target in own.names]
            if targets_here:
                registered.append(f"{group.name} behind {balancer.name}")
            else:
                missing.append((balancer, group))
    for balancer, group in missing:
        name = own.instance_id if group.kind == "instance" or not own.addresses else own.addresses[0]
        words = f"register-targets --target-group-arn {group.arn} --targets Id={name}"
        message = f"{balancer.name} forwards to the target group {group.name}, in which {name} is not registered"
        yield Finding(ERROR, "target-missing", group.name, message, f"run `{targets.command(subject, words)}`")
    if registered:
        message = f"{own.instance_id} is registered in {', '.join(registered)}"
        yield Finding(NOTE, "target-registered", own.instance_id, message)
    elif not missing:
        found = targets.of_host(subject)
        groups = " and ".join(dict.fromkeys(each.group.name for each in found))
        yield Finding(NOTE, "target-registered", own.instance_id, f"{own.instance_id} is registered in {groups}")


def _balancers(subject: Subject) -> Iterator[LoadBalancer]:
    """Yield the balancers that the names in the conf lead to, in Route 53 or by their own names."""
    known = [name for name in names.every(subject) if not names.is_address(name)]
    leads = {name: route53.if_allowed(subject, name) for name in known}
    for balancer in targets.balancers(subject):
        for name, entry in leads.items():
            led_to = entry.targets if entry is not None else ()
            if any(in_front.is_called(balancer, each) for each in (name, *led_to)) and _is_for(subject, name):
                yield balancer


def _is_for(subject: Subject, name: str) -> bool:
    """Whether this host serves what `name` stands for."""
    role = subject.activated.deployment.role
    with contextlib.suppress(Skipped):
        if name == names.auth_balancer(subject) and role.runs_auth:
            return True
    with contextlib.suppress(Skipped):
        if name in names.proxy_balancers(subject) and role.runs_proxy:
            return True
    with contextlib.suppress(Skipped):
        return name == names.domain(subject) and role.runs_proxy
    return False


CHECK = Check(
    "target-registration", BALANCERS, "the balancers in the conf: whether they forward to this instance", _run
)
