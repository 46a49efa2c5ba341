"""EC2 Auto Scaling: the lifecycle actions for which a group holds an instance, at its launch and its termination."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from teleport_bootstrap import regex
from teleport_bootstrap.aws import failures
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass

CONTINUE, ABANDON = "CONTINUE", "ABANDON"

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"

# The code is ValidationError, as that of every other mistake, so that only the text tells.
_NOT_WAITING = regex.compile(r"\bNo active Lifecycle Action found\b", re.IGNORECASE)


@dataclass(frozen=True)
class Hook:
    """A lifecycle hook: `transition` is LAUNCHING or TERMINATING; an instance is held until the timeout."""

    name: str
    transition: str
    timeout_seconds: int


class AutoScaling(Service):
    """EC2 Auto Scaling in one region; get it from `account.Aws.auto_scaling`, which says what methods raise."""

    def complete(self, group: str, hook: str, instance_id: str, result: str) -> bool:
        """Complete the instance's lifecycle action of `hook` with CONTINUE or ABANDON.

        Return whether there was one. There is none before the instance waits for the hook, nor after that.
        """
        return self._action(
            "autoscaling:CompleteLifecycleAction", group, hook, instance_id, LifecycleActionResult=result
        )

    def heartbeat(self, group: str, hook: str, instance_id: str) -> bool:
        """Have the instance's lifecycle action of `hook` time out later; return whether there is one."""
        return self._action("autoscaling:RecordLifecycleActionHeartbeat", group, hook, instance_id)

    def target_groups(self, group: str) -> tuple[str, ...]:
        """Return the ARNs of the target groups in which `group` registers its instances."""
        found: tuple[str, ...] = self.call(
            "autoscaling:DescribeAutoScalingGroups",
            ["*"],  # IAM supports no narrower resource for this action
            read=lambda answer: tuple(
                dict.fromkeys(arn for each in answer["AutoScalingGroups"] for arn in _target_groups(each))
            ),
            AutoScalingGroupNames=[group],
        )
        return found

    def hooks(self, group: str) -> tuple[Hook, ...]:
        """Return the lifecycle hooks of `group`."""
        found: tuple[Hook, ...] = self.call(
            "autoscaling:DescribeLifecycleHooks",
            ["*"],  # IAM supports no narrower resource for this action
            read=lambda answer: tuple(
                Hook(each["LifecycleHookName"], each["LifecycleTransition"], each.get("HeartbeatTimeout", 3600))
                for each in answer["LifecycleHooks"]
            ),
            AutoScalingGroupName=group,
        )
        return found

    def _action(self, action: str, group: str, hook: str, instance_id: str, **more: Any) -> bool:
        arn = self.arn(f"autoScalingGroup:*:autoScalingGroupName/{group}", service="autoscaling")

        def attempt() -> bool:
            try:
                self.request(
                    action.partition(":")[2],
                    AutoScalingGroupName=group,
                    LifecycleHookName=hook,
                    InstanceId=instance_id,
                    **more,
                )
            except failures.Refusal as error:
                if _NOT_WAITING.search(failures.text(error)) is None:
                    raise
                return False
            return True

        return self.perform(action, [arn], attempt)


def _target_groups(group: Mapping[str, Any]) -> Iterator[str]:
    """Yield the target groups of a group, whichever way attached them; a traffic source may be another thing."""
    yield from group.get("TargetGroupARNs", ())
    for each in group.get("TrafficSources", ()):
        if ":elasticloadbalancing:" in each["Identifier"]:
            yield each["Identifier"]
