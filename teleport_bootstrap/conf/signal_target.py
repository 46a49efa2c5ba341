"""Who waits until this instance is healthy: a stack of CloudFormation, or a lifecycle hook of Auto Scaling."""

from __future__ import annotations

from teleport_bootstrap import regex
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.variable import Kind
from teleport_bootstrap.records import dataclass

CLOUDFORMATION, LIFECYCLE = "cloudformation", "lifecycle"

# CloudFormation API reference, CreateStack and SignalResource.
_STACK_NAME = regex.compile("[A-Za-z][A-Za-z0-9-]{0,127}")
_STACK_ARN = regex.compile(
    "arn:aws[a-z-]*:cloudformation:([a-z0-9-]+):[0-9]{12}:stack/[A-Za-z][A-Za-z0-9-]{0,127}/[0-9a-f-]{36}"
)
_LOGICAL_ID = regex.compile("[A-Za-z0-9]{1,255}")
# Auto Scaling API reference, PutLifecycleHook.
_HOOK = regex.compile("[A-Za-z0-9_/-]{1,255}")
_WAYS = (
    "cloudformation:STACK/RESOURCE or lifecycle:HOOK, or cloudformation or lifecycle alone, to find them through tags"
)


@dataclass(frozen=True)
class SignalTarget:
    """What to signal: `service` is CLOUDFORMATION or LIFECYCLE; None stands for what the instance's tags say.

    `stack` is a name or an ARN, with its `resource` (a logical id); `hook` is the name of a launching hook.
    """

    service: str
    stack: str | None = None
    resource: str | None = None
    hook: str | None = None

    def __str__(self) -> str:
        """Return it as the conf says it."""
        named = f"{self.stack}/{self.resource}" if self.stack else self.hook
        return f"{self.service}:{named}" if named else self.service

    @property
    def region(self) -> str | None:
        """The region that the ARN of the stack names, if it is one."""
        found = _STACK_ARN.fullmatch(self.stack or "")
        return found[1] if found else None


def signal_target(value: str) -> SignalTarget:
    """Return who is to be signaled."""
    service, colon, rest = kinds.word(value).partition(":")
    if service not in (CLOUDFORMATION, LIFECYCLE):
        raise kinds.Unfit(f"does not begin with cloudformation or lifecycle: {kinds.quoted(value)}", f"write {_WAYS}")
    if not colon:
        return SignalTarget(service)
    if service == LIFECYCLE:
        return SignalTarget(service, hook=lifecycle_hook(rest))
    # A stack's ARN has slashes itself, and a resource never has one.
    stack, slash, resource = rest.rpartition("/")
    if not slash or _STACK_ARN.fullmatch(rest):
        raise kinds.Unfit(
            f"names a stack, but no resource of it: {kinds.quoted(value)}",
            "write cloudformation:STACK/RESOURCE, with the logical id of the instance or of the auto scaling group",
        )
    if not _STACK_NAME.fullmatch(stack) and not _STACK_ARN.fullmatch(stack):
        raise kinds.Unfit(
            f"holds {kinds.quoted(stack)}, which is neither the name nor the ARN of a stack",
            "a name is at most 128 letters, digits and hyphens, and begins with a letter; an ARN is "
            "arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID",
        )
    if not _LOGICAL_ID.fullmatch(resource):
        raise kinds.Unfit(
            f"holds {kinds.quoted(resource)}, which is not the logical id of a resource",
            "a logical id is the resource's name in the template: letters and digits",
        )
    return SignalTarget(service, stack=stack, resource=resource)


def lifecycle_hook(value: str) -> str:
    """Return the name of a lifecycle hook."""
    if not _HOOK.fullmatch(value):
        raise kinds.Unfit(
            f"is not the name of a lifecycle hook: {kinds.quoted(value)}"
            if value
            else "has no name of a lifecycle hook after the colon",
            "write 1 to 255 letters, digits, hyphens, underscores and slashes",
        )
    return value


SIGNAL_TARGET = Kind("`cloudformation:STACK/RESOURCE` or `lifecycle:HOOK`", signal_target)
LIFECYCLE_HOOK = Kind("name of a lifecycle hook", lifecycle_hook)
