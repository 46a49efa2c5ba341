"""A stack and an auto scaling group that wait for an instance; moto has neither signals nor lifecycle actions.

The texts of errors are those that AWS gives: a stack that waits for no signal says "is in CREATE_COMPLETE state and
cannot be signaled", one that has a signal of an instance "already exists", and Auto Scaling says "No active Lifecycle
Action found with instance ID" before an instance waits for a hook and after that.
"""

from __future__ import annotations

from typing import Optional
from urllib.parse import parse_qs

from .aws import Answer, Aws, Request

INSTANCE = "i-0123456789abcdef0"
_ARN = "arn:aws:cloudformation:us-east-1:123456789012:stack/{}/0f4ae510-c386-11e7-b43f-503f23fb5536"

# As AWS sets them on an instance of a group that is a resource of a stack.
TAGS = {
    "aws:cloudformation:stack-name": "teleport",
    "aws:cloudformation:logical-id": "Group",
    "aws:autoscaling:groupName": "proxies",
}


def described(tags: dict[str, str]) -> Answer:
    """Return the answer of ec2:DescribeTags, for tags that moto gives to no one."""
    listed = "".join(f"<item><key>{key}</key><value>{value}</value></item>" for key, value in tags.items())
    return Answer(text=f"<DescribeTagsResponse><tagSet>{listed}</tagSet></DescribeTagsResponse>", status=200)


def _fields(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode(), strict_parsing=True).items()}


def _invalid(message: str) -> Answer:
    return Answer("ValidationError", message)


def _done(operation: str, inner: str = "") -> Answer:
    return Answer(text=f"<{operation}Response>{inner}<ResponseMetadata/></{operation}Response>", status=200)


def taken(_: Request) -> Answer:
    """Return the answer to a signal that a stack has taken."""
    return _done("SignalResource")


class Stack:
    """A stack that waits for `wanted` signals of its resource; `state` becomes what CloudFormation makes of them."""

    def __init__(self, aws: Aws, name: str = "teleport", resource: str = "Group", wanted: int = 1) -> None:
        self.name, self.resource, self.wanted = name, resource, wanted
        self.state = "CREATE_IN_PROGRESS"
        self.signals: list[tuple[str, str]] = []
        aws.instead["cloudformation:SignalResource"] = self._answer

    def _answer(self, request: Request) -> Answer:
        asked = _fields(request)
        assert set(asked) == {"Action", "Version", "StackName", "LogicalResourceId", "UniqueId", "Status"}
        if asked["StackName"] not in (self.name, _ARN.format(self.name)):
            return _invalid(f"Stack [{asked['StackName']}] does not exist")
        if self.state != "CREATE_IN_PROGRESS":
            return _invalid(f"Stack {_ARN.format(self.name)} is in {self.state} state and cannot be signaled")
        if asked["LogicalResourceId"] != self.resource:
            return _invalid(f"Resource {asked['LogicalResourceId']} does not exist for stack {self.name}")
        unique, before = asked["UniqueId"], dict(self.signals)
        if unique in before and asked["Status"] == "SUCCESS":
            once = "Signals may only be updated with a FAILURE status."
            return _invalid(f"Signal with ID {unique} for resource {self.resource} already exists. {once}")
        self.signals = [*{**before, unique: asked["Status"]}.items()]
        if asked["Status"] == "FAILURE":
            self.state = "ROLLBACK_IN_PROGRESS"
        elif len(self.signals) >= self.wanted:
            self.state = "CREATE_COMPLETE"
        return _done("SignalResource")


class Group:
    """A group with hooks, each with its transition; `waits` is the hook that the instance waits for, if any."""

    def __init__(self, aws: Aws, name: str = "proxies", hooks: Optional[dict[str, str]] = None) -> None:
        self.name = name
        self.hooks = {"launch": "LAUNCHING", "end": "TERMINATING"} if hooks is None else hooks
        self.timeout = 3600
        self.waits: Optional[str] = "launch"
        # How many requests come before the instance waits.
        self.early = 0
        self.results: list[tuple[str, str]] = []
        self.heartbeats = 0
        self.target_groups: tuple[str, ...] = ()
        # Names and ARNs that were attached as such.
        self.traffic_sources: tuple[str, ...] = ()
        self.deregistered: list[tuple[str, str]] = []
        # How often a target is still draining when it is looked at, and the groups that refuse to let it go.
        self.draining = 0
        self.refusing: tuple[str, ...] = ()
        aws.instead["autoscaling:CompleteLifecycleAction"] = self._complete
        aws.instead["autoscaling:RecordLifecycleActionHeartbeat"] = self._heartbeat
        aws.instead["autoscaling:DescribeAutoScalingGroups"] = self._describe_group
        aws.instead["elasticloadbalancing:DeregisterTargets"] = self._deregister
        aws.instead["elasticloadbalancing:DescribeTargetHealth"] = self._describe_target
        aws.instead["autoscaling:DescribeLifecycleHooks"] = self._describe

    def _complete(self, request: Request) -> Answer:
        asked = _fields(request)
        result = asked.pop("LifecycleActionResult")
        refusal = self._refusal(asked)
        if refusal is not None:
            return refusal
        self.results.append((asked["LifecycleHookName"], result))
        self.waits = None
        return _done("CompleteLifecycleAction", "<CompleteLifecycleActionResult/>")

    def _heartbeat(self, request: Request) -> Answer:
        refusal = self._refusal(_fields(request))
        if refusal is not None:
            return refusal
        self.heartbeats += 1
        return _done("RecordLifecycleActionHeartbeat", "<RecordLifecycleActionHeartbeatResult/>")

    def _describe_group(self, request: Request) -> Answer:
        assert _fields(request)["AutoScalingGroupNames.member.1"] == self.name
        arns = "".join(f"<member>{each}</member>" for each in self.target_groups)
        sources = "".join(f"<member><Identifier>{each}</Identifier></member>" for each in self.traffic_sources)
        group = f"<TargetGroupARNs>{arns}</TargetGroupARNs><TrafficSources>{sources}</TrafficSources>"
        group = f"<member>{group}</member>"
        inner = f"<DescribeAutoScalingGroupsResult><AutoScalingGroups>{group}</AutoScalingGroups>"
        return _done("DescribeAutoScalingGroups", f"{inner}</DescribeAutoScalingGroupsResult>")

    def _deregister(self, request: Request) -> Answer:
        asked = _fields(request)
        if asked["TargetGroupArn"] in self.refusing:
            return Answer("AccessDenied", "not authorized to perform", status=403)
        self.deregistered.append((asked["TargetGroupArn"], asked["Targets.member.1.Id"]))
        return _done("DeregisterTargets", "<DeregisterTargetsResult/>")

    def _describe_target(self, request: Request) -> Answer:
        asked = _fields(request)
        target = (asked["TargetGroupArn"], asked["Targets.member.1.Id"])
        assert target in self.deregistered
        state = "draining" if self.draining > 0 else "unused"
        self.draining -= 1
        found = f"<Target><Id>{target[1]}</Id></Target><TargetHealth><State>{state}</State></TargetHealth>"
        inner = f"<TargetHealthDescriptions><member>{found}</member></TargetHealthDescriptions>"
        return _done("DescribeTargetHealth", f"<DescribeTargetHealthResult>{inner}</DescribeTargetHealthResult>")

    def _refusal(self, asked: dict[str, str]) -> Optional[Answer]:
        assert set(asked) == {"Action", "Version", "AutoScalingGroupName", "LifecycleHookName", "InstanceId"}
        if asked["AutoScalingGroupName"] != self.name:
            return _invalid("AutoScalingGroup name not found - null")
        self.early -= 1
        if self.early >= 0 or self.waits != asked["LifecycleHookName"]:
            return _invalid(f"No active Lifecycle Action found with instance ID {asked['InstanceId']}")
        return None

    def _describe(self, request: Request) -> Answer:
        assert _fields(request)["AutoScalingGroupName"] == self.name
        hooks = "".join(
            f"<member><LifecycleHookName>{name}</LifecycleHookName>"
            f"<LifecycleTransition>autoscaling:EC2_INSTANCE_{transition}</LifecycleTransition>"
            f"<HeartbeatTimeout>{self.timeout}</HeartbeatTimeout></member>"
            for name, transition in self.hooks.items()
        )
        inner = f"<DescribeLifecycleHooksResult><LifecycleHooks>{hooks}</LifecycleHooks></DescribeLifecycleHooksResult>"
        return _done("DescribeLifecycleHooks", inner)


def asked(aws: Aws, operation: str) -> int:
    """Return how many requests there were for `operation`."""
    return sum(each.operation == operation for each in aws.requests)
