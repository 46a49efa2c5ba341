"""SSM Parameter Store: what parameters are, without their values: type, tier, key, version and time of change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from teleport_bootstrap.aws import paging
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass

_NAMES_IN_A_CALL = 50  # SSM API reference, ParameterStringFilter and MaxResults


@dataclass(frozen=True)
class ParameterDescription:
    """A parameter: `kind` is String, StringList or SecureString, `tier` Standard, Advanced or Intelligent-Tiering.

    `key` is the id, ARN or alias of the KMS key of a SecureString, otherwise "". `modified` is in seconds since 1970.
    `policies` are the types of its policies, such as Expiration.
    """

    name: str
    arn: str
    kind: str
    tier: str
    key: str
    version: int
    modified: float
    modified_by: str
    policies: tuple[str, ...]


class ParameterDescriptions(Service):
    """Parameter Store in one region; get it from `account.Aws.parameter_descriptions`; it says what methods raise."""

    def describe(self, names: Sequence[str]) -> dict[str, ParameterDescription]:
        """Return those of `names` that exist in this account, by the name as it was given, which may be an ARN."""
        given = {name.partition(":parameter")[2] if name.startswith("arn:") else name: name for name in names}
        wanted, found = list(given), dict[str, ParameterDescription]()
        for start in range(0, len(wanted), _NAMES_IN_A_CALL):
            chosen = {"Key": "Name", "Option": "Equals", "Values": wanted[start : start + _NAMES_IN_A_CALL]}
            described = paging.every(
                self,
                "ssm:DescribeParameters",
                ["*"],  # IAM supports no narrower resource for this action
                read=_descriptions,
                tokens={"NextToken": "NextToken"},
                ParameterFilters=[chosen],
                MaxResults=_NAMES_IN_A_CALL,
            )
            found.update({given[each.name]: each for each in described if each.name in given})
        return found


def _descriptions(answer: Mapping[str, Any]) -> Iterator[ParameterDescription]:
    for each in answer["Parameters"]:
        yield ParameterDescription(
            name=each["Name"],
            arn=each.get("ARN") or "",
            kind=each["Type"],
            tier=each.get("Tier") or "Standard",
            key=each.get("KeyId") or "",
            version=each["Version"],
            modified=float(each["LastModifiedDate"]),
            modified_by=each.get("LastModifiedUser") or "",
            policies=tuple(policy["PolicyType"] for policy in each.get("Policies") or ()),
        )
