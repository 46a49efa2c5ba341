"""Whether target groups and listeners speak what Teleport speaks on the port behind them.

Only the web port speaks HTTP, so that an ALB fits there. On every other port clients present their certificates of
Teleport's own authority in TLS, or speak SSH: what ends TLS before breaks it.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.doctor.balancers import targets
from teleport_bootstrap.doctor.balancers.targets import Target
from teleport_bootstrap.doctor.check import BALANCERS, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.host import web_port
from teleport_bootstrap.plan import services

_PASSED_ON = ("TCP", "TCP_UDP")


def is_web(subject: Subject, target: Target) -> bool:
    """Whether `target` is the web port of this host's proxy."""
    web = services.web_address(subject.document)
    return web is not None and web.port == target.port


def wrong(subject: Subject, target: Target) -> Iterator[Finding]:
    """Yield what is wrong with the protocol of `target`, or of the listeners in front of it."""
    protocol = target.group.protocol
    ends = [listener for _, listener in targets.in_front(subject, target.group) if listener.protocol == "TLS"]
    if not is_web(subject, target):
        if protocol not in _PASSED_ON:
            message = f"{target.word} gets {protocol}, but Teleport needs TCP as it comes from its clients there"
            yield Finding(ERROR, "target-protocol", target.group.name, message, _new_group(subject, target, "TCP"))
        for listener in ends if protocol in _PASSED_ON else ():
            message = f"port {listener.port} of the balancer ends TLS, but {target.word} needs it as clients send it"
            words = f"modify-listener --listener-arn {listener.arn} --protocol TCP"
            yield Finding(
                ERROR, "listener-protocol", target.group.name, message, f"run `{targets.command(subject, words)}`"
            )
        return
    plain = subject.activated.deployment.plain_http
    wanted = "HTTP" if plain else "HTTPS"
    if protocol in ("HTTP", "HTTPS") and protocol != wanted:
        message = f"{target.word} gets {protocol}, but Teleport speaks {wanted} there"
        yield Finding(ERROR, "target-protocol", target.group.name, message, _remedy(subject, target, wanted))
    elif protocol == "TLS" and plain:
        message = f"{target.word} gets TLS, but Teleport speaks plain HTTP there"
        yield Finding(ERROR, "target-protocol", target.group.name, message, _new_group(subject, target, "TCP"))


def _remedy(subject: Subject, target: Target, wanted: str) -> str:
    decided = subject.activated.deployment
    if decided.acm and not decided.tls_routing:
        spoken = target.group.protocol.lower()
        return (
            f"set TELEPORT_ACM_TARGET_PROTOCOL={spoken} in {paths.CONF}, then run `teleport-bootstrap reconfigure`; or "
            + _new_group(subject, target, wanted)
        )
    return _new_group(subject, target, wanted)


def _new_group(subject: Subject, target: Target, protocol: str) -> str:
    """Return how to replace the group, since the protocol of one cannot be changed."""
    group = target.group
    check = f" --health-check-path {web_port.PING} --matcher HttpCode=200-499" if protocol.startswith("HTTP") else ""
    create = targets.command(
        subject,
        f"create-target-group --name {group.name[:26]}-{protocol.lower()} --protocol {protocol} --port {target.port} "
        f"--vpc-id {group.vpc_id} --target-type {group.kind}{check}",
    )
    register = targets.command(subject, f'register-targets --target-group-arn "$arn" --targets {target.argument}')
    forward = [
        targets.command(
            subject,
            f'modify-listener --listener-arn {listener.arn} --default-actions Type=forward,TargetGroupArn="$arn"',
        )
        for _, listener in targets.in_front(subject, group)
    ]
    made = f"arn=$({create} --query TargetGroups[0].TargetGroupArn --output text)"
    return f"replace the target group: `{' && '.join((made, register, *forward))}`"


def _run(subject: Subject) -> Iterator[Finding]:
    own = targets.of_host(subject)
    found = [each for target in own for each in wrong(subject, target)]
    yield from found
    if not found:
        spoken = ", ".join(f"{each.group.protocol} to {each.port}" for each in own)
        yield Finding(NOTE, "target-protocol", own[0].name, f"target groups speak {spoken}, as Teleport does")


CHECK = Check("target-protocol", BALANCERS, "the protocols of target groups and listeners, and Teleport's own", _run)
