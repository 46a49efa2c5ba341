"""Whether this instance is healthy in its target groups, and why not.

The codes and what they mean: TargetHealth in the API reference of Elastic Load Balancing, version 2.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor.balancers import health_checks, ports, protocols, targets
from teleport_bootstrap.doctor.balancers.targets import Target
from teleport_bootstrap.doctor.check import BALANCERS, Check, Skipped
from teleport_bootstrap.doctor.network import connections
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding

HEALTHY, UNHEALTHY, INITIAL, DRAINING, UNUSED = "healthy", "unhealthy", "initial", "draining", "unused"

_SECURITY_GROUP = (
    "allow TCP {port} from the balancer in this instance's security group: `aws ec2 authorize-security-group-ingress "
    "--protocol tcp --port {port} --group-id GROUP --source-group GROUP-OF-THE-BALANCER --region {region}`; see also "
    "`journalctl -b -u {unit}`"
)
_LOG = "see `teleport-bootstrap status` and `journalctl -b -u {unit}`"
# By the code of the reason: what it means, and what to do.
_REASONS = {
    "Target.Timeout": ("the health check gets no answer in time", _SECURITY_GROUP),
    "Target.FailedHealthChecks": ("the health check gets no answer that it understands", _SECURITY_GROUP),
    "Target.ResponseCodeMismatch": ("the health check gets another status than it takes for healthy", _LOG),
    "Target.InvalidState": (
        "the instance is stopped or terminated for EC2",
        "see `aws ec2 describe-instance-status --instance-ids {name} --region {region}`",
    ),
    "Target.IpUnusable": ("the address is one of a balancer", f"register another address: {connections.GUIDE}"),
    "Target.NotInUse": (
        "the group is not used by a listener, or the balancer is not enabled in the zone of this instance",
        "let a listener forward to it, or enable the zone: `aws elbv2 set-subnets --load-balancer-arn BALANCER "
        "--subnets SUBNET SUBNET --region {region}`",
    ),
    "Target.NotRegistered": (
        "the instance is not registered any more",
        "run `aws elbv2 register-targets --target-group-arn {arn} --targets {argument} --region {region}`",
    ),
    "Target.DeregistrationInProgress": (
        "the instance is being taken out of the group",
        "to keep it there, run `aws elbv2 register-targets --target-group-arn {arn} --targets {argument} "
        "--region {region}`",
    ),
    "Elb.RegistrationInProgress": ("the balancer is taking the instance in", "wait a minute, and run it again"),
    "Elb.InitialHealthChecking": ("the balancer has not finished its first checks", "wait a minute, and run it again"),
    "Elb.InternalError": ("AWS has an error of its own", "see `aws health describe-events` and the AWS status page"),
}


def _run(subject: Subject) -> Iterator[Finding]:
    waiting: list[str] = []
    healthy: list[str] = []
    others = False
    for target in targets.of_host(subject):
        health = target.health
        if health.state == HEALTHY:
            healthy.append(target.group.name)
        elif _has_a_cause(subject, target):
            waiting.append(target.group.name)
            continue
        else:
            severity = WARNING if health.state in (INITIAL, DRAINING) else ERROR
            meaning, remedy = _REASONS.get(health.reason, (health.description or health.reason, _LOG))
            said = f" ({health.description})" if health.description and health.description != meaning else ""
            message = f"{target.word} is {health.state}: {meaning}{said}"
            yield Finding(severity, "target-unhealthy", target.group.name, message, _filled(subject, target, remedy))
        others = True
    if healthy:
        message = f"this instance is healthy in {' and '.join(healthy)}"
        yield Finding(NOTE, "target-healthy", healthy[0], message)
    elif waiting and not others:
        raise Skipped(f"{' and '.join(waiting)}: see the checks of their ports, protocols and health checks")


def _has_a_cause(subject: Subject, target: Target) -> bool:
    """Whether another check already says why this target cannot be healthy."""
    found = (each.wrong(subject, target) for each in (ports, protocols, health_checks))
    return any(True for findings in found for _ in findings)


def _filled(subject: Subject, target: Target, remedy: str) -> str:
    return remedy.format(
        port=target.port,
        region=subject.region,
        name=target.name,
        arn=target.group.arn,
        argument=target.argument,
        unit=subject.activated.unit,
    )


CHECK = Check(
    "target-health",
    BALANCERS,
    "the health of this instance in its target groups, and the reason where it is unhealthy",
    _run,
)
