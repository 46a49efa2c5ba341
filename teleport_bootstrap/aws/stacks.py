"""CloudFormation: signals to a resource of a stack that waits for them."""

from __future__ import annotations

from teleport_bootstrap import regex
from teleport_bootstrap.aws import failures
from teleport_bootstrap.aws.service import Service

SUCCESS, FAILURE = "SUCCESS", "FAILURE"

# The code of all errors of SignalResource is ValidationError, so that only their texts tell them apart.
_CLOSED = regex.compile(r"\bis in ([A-Z_]{1,60}) state and can ?not be signaled")
# To a second signal of SUCCESS with the same id, as when the answer to the first was lost; one of FAILURE is taken.
_TAKEN = regex.compile(r"\bSignal with ID \S{1,64} for resource \S{1,255} already exists\b")


class Stacks(Service):
    """CloudFormation in one region; get it from `account.Aws.stacks`, which says what methods raise."""

    def signal(self, stack: str, resource: str, instance_id: str, status: str) -> str | None:
        """Signal SUCCESS or FAILURE of an instance; `stack` is a name or an ARN, `resource` the logical id.

        Return None where the stack has taken it, now or before, and the state of a stack, or of a resource, that waits
        for none.
        """
        arn = stack if stack.startswith("arn:") else self.arn(f"stack/{stack}/*", service="cloudformation")

        def attempt() -> str | None:
            try:
                self.request(
                    "SignalResource",
                    StackName=stack,
                    LogicalResourceId=resource,
                    UniqueId=instance_id,
                    Status=status,
                )
            except failures.Refusal as error:
                found = _CLOSED.search(failures.text(error))
                if found is not None:
                    return found[1]
                if _TAKEN.search(failures.text(error)) is None:
                    raise
            return None

        return self.perform("cloudformation:SignalResource", [arn], attempt)
