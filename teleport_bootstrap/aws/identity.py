"""STS: who AWS takes this instance for."""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap import regex
from teleport_bootstrap.aws import failures
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass

_ARN = regex.compile(r"arn:(aws[a-z-]*):(?:sts|iam)::[0-9]{12}:(\S{1,2048})")


@dataclass(frozen=True)
class Identity:
    """The caller: `account` is its number, `role` and `session` are "" for one that is not a role.

    The ARN of a role's session lacks the path of the role: `policy_simulation.Policies.role` returns its full ARN.
    """

    account: str
    arn: str
    user_id: str
    partition: str
    role: str
    session: str


class TokenService(Service):
    """STS in one region; get it from `account.Aws.sts`, which says what methods raise."""

    def caller(self) -> Identity:
        """Return whose credentials these are. No policy can deny this."""
        found: Identity = self.call("sts:GetCallerIdentity", ["*"], read=_identity)
        return found

    def clock_ahead(self) -> float | None:
        """Return how many seconds this machine's clock is ahead of AWS's, None where an answer does not say.

        Raises ClockWrong where it is so wrong that AWS refuses the request.
        """
        found: float | None = self.call(
            "sts:GetCallerIdentity",
            ["*"],
            read=lambda answer: failures.clock_skew(answer, now=self.clock.wall()),
        )
        return found


def _identity(answer: Mapping[str, Any]) -> Identity:
    found = _ARN.fullmatch(answer["Arn"])
    if found is None:
        raise failures.NotAnAnswer
    kind, *names = found[2].split("/")
    role, session = names if kind == "assumed-role" and len(names) == 2 else ("", "")
    return Identity(answer["Account"], answer["Arn"], answer["UserId"], found[1], role, session)
