"""Make a call to AWS until it succeeds, fails for good, or the deadline passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional, TypeVar

from teleport_bootstrap.aws import failures
from teleport_bootstrap.host import retry

Result = TypeVar("Result")


def perform(
    operation: Callable[[], Result],
    call: failures.Call,
    *,
    deadline: retry.Deadline,
    attempt_seconds: float = 0.0,
    renew: Optional[Callable[[], None]] = None,
) -> Result:
    """Return what `operation`, one request of a botocore client, returns.

    Throttling, network trouble and AWS's own failures are tried again with full jitter; `attempt_seconds` is how long
    one attempt takes at worst, and none is begun that could outlast the deadline. When AWS calls the credentials
    expired, `renew` is called and the request repeated, once.
    Raises AwsDenied, AwsThrottled, AwsUnreachable, AwsFailed, ClockWrong, CredentialsMissing, each naming `call`.
    """
    wall = deadline.clock.wall
    renewals = [] if renew is None else [renew]

    def attempt() -> Result:
        try:
            return operation()
        except failures.RAISED as error:
            kind = failures.kind(error, now=wall())
            if kind in (failures.Kind.THROTTLED, failures.Kind.UNREACHABLE, failures.Kind.FAULTY):
                raise _Passing(kind, failures.reason(error)) from None
            if kind is not failures.Kind.EXPIRED or not renewals:
                raise failures.final(error, call, now=wall()) from None
        renewals.pop()()
        return attempt()

    try:
        return retry.until(deadline, attempt, attempt_seconds=attempt_seconds)
    except retry.DeadlinePassed as passed:
        kind = passed.last.kind if isinstance(passed.last, _Passing) else failures.Kind.UNREACHABLE
        raise failures.late(kind, call, str(passed)) from None


class _Passing(retry.Again):
    """A failure that may go away, with its kind."""

    def __init__(self, kind: failures.Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
