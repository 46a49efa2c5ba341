"""One AWS service in one region: the only place that sends requests to AWS and decides whether to retry."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from teleport_bootstrap.aws import answers, endpoints, failures
from teleport_bootstrap.hints import Any, Protocol, TypeVar
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import pacing, retry, time_limit

Result = TypeVar("Result")

# An attempt is made even where there is no time left.
SHORTEST_SECONDS = 0.3


class Client(Protocol):
    """What sends one request: a SignedClient, or for S3 a BotocoreClient."""

    region: str
    endpoint: str
    attempt_seconds: float

    def send(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Return the answer, of the form that the service documents; raises failures.RAISED."""


class Service:
    """A service, over a client of one region.

    `wait_seconds` bounds one call with its retries. `renew` replaces credentials that AWS calls expired. `crowd` is
    there where many hosts make the same calls at once.
    """

    def __init__(
        self,
        client: Client,
        *,
        wait_seconds: float = 60.0,
        renew: Callable[[], None] | None = None,
        clock: clocks.Clock = clocks.SYSTEM,
        crowd: pacing.Crowd | None = None,
    ) -> None:
        self._client = client
        self.wait_seconds = wait_seconds
        self.renew = renew
        self.clock = clock
        self.crowd = crowd
        self.region = client.region
        self.endpoint = client.endpoint
        self.partition = endpoints.partition_of(self.region).name

    def arn(self, resource: str, *, service: str) -> str:
        """Return the ARN of `resource` in this region, with `*` for the account, which is not known."""
        return f"arn:{self.partition}:{service}:{self.region}:*:{resource}"

    def request(self, operation: str, *, expect: str = "", **parameters: Any) -> Any:
        """Send one request, such as `GetParameters`, and return the answer; raises failures.RAISED.

        Use it within `perform`. An answer raises NotAnAnswer without the field `expect`, since a page of a proxy may be
        read as an empty one, and with a value of another type than the service documents.
        """
        answer = self._client.send(operation, parameters)
        if expect and answer.get(expect) in (None, ""):
            raise failures.NotAnAnswer
        return answer

    def call(
        self,
        action: str,
        resources: Sequence[str],
        *,
        deadline: retry.Deadline | None = None,
        read: Callable[[Any], Any] = lambda answer: answer,
        missing: Collection[str] = (),
        **parameters: Any,
    ) -> Any:
        """Send the request whose IAM action is `action`, such as `ssm:GetParameters`, and retry as `perform` does.

        `read` makes of the answer what is returned, and may fail as `attempt` of `perform` may. Return None where AWS
        answers one of the error codes `missing`.
        """
        operation = action.partition(":")[2]

        def attempt() -> Any:
            try:
                return read(self.request(operation, **parameters))
            except failures.Refusal as error:
                if failures.code(error) in missing:
                    return None
                raise

        return self.perform(action, resources, attempt, deadline)

    def perform(
        self,
        action: str,
        resources: Sequence[str],
        attempt: Callable[[], Result],
        deadline: retry.Deadline | None = None,
    ) -> Result:
        """Return what `attempt`, which makes one request and reads the answer, returns.

        Throttling, network failures, AWS's own failures and answers that cannot be read are retried with full jitter,
        until the deadline, by default `wait_seconds` from now. An attempt is ended after half of that time, and at the
        deadline; one that transfers much counts again with each piece, see teleport_bootstrap.host.time_limit. When AWS
        calls the credentials expired, they are renewed and the request is repeated, once. `action` and the ARNs in
        `resources` are for messages.

        Raises AwsDenied, AwsThrottled, AwsUnreachable, AwsFailed, ClockWrong, CredentialsMissing, and whatever
        `attempt` raises that is not in failures.RAISED.
        """
        deadline = deadline or retry.Deadline(self.wait_seconds, self.clock)
        call = failures.Call(action, tuple(resources), self.endpoint, self.region, self.partition)
        wall = deadline.clock.wall
        renewals = [] if self.renew is None else [self.renew]

        longest = self._client.attempt_seconds

        def limit() -> time_limit.Limit:
            return time_limit.Limit(
                max(min(max(longest, deadline.seconds / 2), deadline.remaining()), SHORTEST_SECONDS)
            )

        def attempt_once() -> Result:
            try:
                with limit(), answers.read():
                    return attempt()
            except failures.RAISED as error:
                kind = failures.kind(error, now=wall())
                if kind in (failures.Kind.THROTTLED, failures.Kind.UNREACHABLE, failures.Kind.FAULTY):
                    is_throttled = kind is failures.Kind.THROTTLED
                    raise retry.Again(failures.reason(error), kind, is_throttled=is_throttled) from None
                if kind is not failures.Kind.EXPIRED or not renewals:
                    raise failures.final(error, call, now=wall()) from None
            with limit():
                renewals.pop()()
            return attempt_once()

        try:
            return retry.until(deadline, attempt_once, attempt_seconds=longest, what=f"{action} at {self.endpoint}")
        except retry.DeadlinePassed as passed:
            raise failures.late(passed.last.about, call, str(passed)) from None
