"""The target groups of this account, and this instance in them."""

from __future__ import annotations

from teleport_bootstrap.aws.load_balancers import Listener, LoadBalancer, TargetGroup, TargetHealth
from teleport_bootstrap.doctor.balancers import instance
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.plan import services
from teleport_bootstrap.records import dataclass

_KINDS = ("instance", "ip")
# Each group is one request. An account with more has them for other things.
_MOST_GROUPS = 60


@dataclass(frozen=True)
class Target:
    """This instance in one target group: the port on which it gets connections, and how healthy it is there."""

    group: TargetGroup
    name: str
    port: int
    health: TargetHealth

    @property
    def word(self) -> str:
        """The target, for messages."""
        return f"{self.name}:{self.port} in the target group {self.group.name}"

    @property
    def argument(self) -> str:
        """The target, as the AWS command line writes it."""
        return f"Id={self.name},Port={self.port}"


def groups(subject: Subject) -> tuple[TargetGroup, ...]:
    """Return the target groups of this account that can hold an instance."""

    def read() -> tuple[TargetGroup, ...]:
        found = subject.aws.load_balancers.target_groups()
        return tuple(each for each in found if each.kind in _KINDS)

    return subject.once("target-groups", read)


def balancers(subject: Subject) -> tuple[LoadBalancer, ...]:
    """Return the load balancers of this account."""
    return subject.once("load-balancers", subject.aws.load_balancers.load_balancers)


def listeners(subject: Subject, balancer: str) -> tuple[Listener, ...]:
    """Return the listeners of the balancer with this ARN."""
    return subject.once(("listeners", balancer), lambda: subject.aws.load_balancers.listeners(balancer))


def attributes(subject: Subject, group: TargetGroup) -> dict[str, str]:
    """Return the attributes of a target group."""
    arn = group.arn
    return subject.once(("attributes", arn), lambda: subject.aws.load_balancers.target_group_attributes(arn))


def healths(subject: Subject, group: TargetGroup) -> tuple[TargetHealth, ...]:
    """Return all targets of a group."""
    arn = group.arn
    return subject.once(("targets", arn), lambda: subject.aws.load_balancers.target_health(arn))


def of_host(subject: Subject) -> tuple[Target, ...]:
    """Return this instance in the groups that it is registered in; raises Skipped where it is in none.

    Those of a node or an agent belong to what else runs there.
    """
    role = subject.activated.deployment.role
    if not (role.runs_auth or role.runs_proxy):
        raise Skipped("a host of this role is behind no load balancer")
    found = subject.once("own-targets", lambda: _read(subject))
    if not found:
        raise Skipped("this instance is registered in no target group")
    return found


def _read(subject: Subject) -> tuple[Target, ...]:
    ports = {each.port for each in services.listeners(subject.document)}
    names = instance.this(subject).names
    # Those with a port of ours come first, and those that serve something.
    near = sorted(groups(subject), key=lambda each: (each.port not in ports, not each.load_balancers))
    return tuple(
        Target(group, each.target, each.port or group.port or 0, each)
        for group in near[:_MOST_GROUPS]
        for each in healths(subject, group)
        if each.target in names
    )


def in_front(subject: Subject, group: TargetGroup) -> tuple[tuple[LoadBalancer, Listener], ...]:
    """Return the balancers and their listeners that forward to `group`; those with rules only are left out."""
    by_arn = {each.arn: each for each in balancers(subject)}
    return tuple(
        (by_arn[arn], listener)
        for arn in group.load_balancers
        if arn in by_arn
        for listener in listeners(subject, arn)
        if any(group.arn in action.target_groups for action in listener.actions)
    )


def command(subject: Subject, words: str) -> str:
    """Return a command of the AWS command line for Elastic Load Balancing in this region."""
    return f"aws elbv2 {words} --region {subject.region}"
