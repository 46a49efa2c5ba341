"""What signals to a stack or an auto scaling group ask of AWS."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.conf.signal_target import LIFECYCLE, SignalTarget
from teleport_bootstrap.permissions.need import ANY, DOCTOR, OURS, Condition, Need
from teleport_bootstrap.permissions.scope import UNKNOWN_REGION, Scope

_SIGNAL = "signal says whether Teleport is healthy"
_TAGS = "signal reads the tags of the instance where instance metadata does not show them"
_HOOKS = "signal looks for the hook of the group"
_CHECK = "doctor looks whether the group has the hooks that the conf names"
_DRAIN = "signal drains an instance that its group takes out of service"
_LEAVE = "signal waits until balancers have let the instance go"


def needs(
    conf: conf_file.Conf, scope: Scope, group_name: str | None, target_groups: tuple[str, ...] | None
) -> Iterator[Need]:
    """Yield what TELEPORT_SIGNAL and TELEPORT_DRAIN_HOOK make the instance call.

    Without a name, any group of the account: the conf has none, since groups take their instances from a launch
    template, which is made first. So it is with the ARNs of the group's target groups.
    """
    target, drain = conf.value(variables.TELEPORT_SIGNAL), conf.value(variables.TELEPORT_DRAIN_HOOK)
    region = UNKNOWN_REGION if scope.region is None else scope.region
    here = Condition("StringEquals", "aws:RequestedRegion", (region,))
    has_hook = names_hook(conf)
    if has_hook or (target is not None and target.stack is None):
        # Service authorization reference, Amazon EC2: no describing action takes a resource.
        yield Need(OURS, "ec2:DescribeTags", ANY, _TAGS, (here,))
    if target is not None and target.service != LIFECYCLE:
        yield Need(OURS, "cloudformation:SignalResource", (_stack(target, scope),), _SIGNAL)
    group = scope.group(group_name)
    if has_hook:
        yield Need(OURS, "autoscaling:CompleteLifecycleAction", (group,), _SIGNAL)
    if target is not None and target.service == LIFECYCLE and target.hook is None:
        yield Need(OURS, "autoscaling:DescribeLifecycleHooks", ANY, _HOOKS, (here,))
    if drain is not None:
        yield Need(OURS, "autoscaling:RecordLifecycleActionHeartbeat", (group,), _DRAIN)
        yield Need(OURS, "autoscaling:DescribeAutoScalingGroups", ANY, _DRAIN, (here,))
    targets = (scope.arn("elasticloadbalancing", "targetgroup/*/*"),) if target_groups is None else target_groups
    if drain is not None and targets:
        yield Need(OURS, "elasticloadbalancing:DeregisterTargets", targets, _DRAIN)
        yield Need(OURS, "elasticloadbalancing:DescribeTargetHealth", ANY, _LEAVE, (here,))


def names_hook(conf: conf_file.Conf) -> bool:
    """Whether the conf says that an auto scaling group waits for this instance."""
    target = conf.value(variables.TELEPORT_SIGNAL)
    is_launch = target is not None and target.service == LIFECYCLE
    return is_launch or conf.value(variables.TELEPORT_DRAIN_HOOK) is not None


def checks(conf: conf_file.Conf, scope: Scope) -> Iterator[Need]:
    """Yield what `doctor` asks about the hooks that the conf names."""
    target, drain = conf.value(variables.TELEPORT_SIGNAL), conf.value(variables.TELEPORT_DRAIN_HOOK)
    if drain is not None or (target is not None and target.hook is not None):
        region = UNKNOWN_REGION if scope.region is None else scope.region
        here = Condition("StringEquals", "aws:RequestedRegion", (region,))
        yield Need(DOCTOR, "autoscaling:DescribeLifecycleHooks", ANY, _CHECK, (here,))


def _stack(target: SignalTarget, scope: Scope) -> str:
    """Return the ARN of the stack; its last part is an id that CloudFormation chooses."""
    if target.stack is not None and target.stack.startswith("arn:"):
        return target.stack
    return scope.arn("cloudformation", f"stack/{target.stack or '*'}/*")
