"""Parameters that this instance puts into SSM Parameter Store, and what is known of them without decrypting any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional, TypeVar

from botocore.exceptions import ClientError

from teleport_bootstrap import errors
from teleport_bootstrap.aws import calls, failures, session, ssm
from teleport_bootstrap.aws.access import Access
from teleport_bootstrap.host import retry
from teleport_bootstrap.secret import Secret

SECURE_STRING = "SecureString"
STRING = "String"

NAMES_IN_A_CALL = 10  # SSM API reference, GetParameters

Result = TypeVar("Result")


@dataclass(frozen=True)
class Parameter:
    """A parameter as it is: which version, since when (in seconds since 1970), and its value unless it is secret."""

    version: int
    modified: float
    value: Optional[str]


class Parameters:
    """Parameter Store in the region of `access`; each call is repeated within its `wait_seconds`.

    Methods raise AwsDenied, AwsThrottled, AwsUnreachable, AwsFailed, ClockWrong.
    """

    def __init__(self, access: Access) -> None:
        """Make a client, and ask nothing yet."""
        self._access = access
        self._client = access.client("ssm")

    def look(self, names: Sequence[str]) -> dict[str, Parameter]:
        """Return those of at most NAMES_IN_A_CALL parameters that exist, by name; secret values stay encrypted."""
        answer = self._perform(
            "GetParameters", names, lambda: self._client.get_parameters(Names=list(names), WithDecryption=False)
        )
        return {
            each["Name"]: Parameter(
                version=int(each["Version"]),
                modified=each["LastModifiedDate"].timestamp(),
                value=each["Value"] if each["Type"] == STRING else None,
            )
            for each in answer["Parameters"]
        }

    def put_secret(self, name: str, value: Secret, *, key_id: Optional[str]) -> int:
        """Store `value` encrypted, with the key `key_id` or the account's default one; return the new version."""
        key = {} if key_id is None else {"KeyId": key_id}
        return self._put(name, Value=value.reveal(), Type=SECURE_STRING, **key)

    def put(self, name: str, value: str) -> int:
        """Store `value`, which everybody may read who may read the parameter; return the new version."""
        return self._put(name, Value=value, Type=STRING)

    def _put(self, name: str, **given: str) -> int:
        answer = self._perform(
            "PutParameter", [name], lambda: self._client.put_parameter(Name=name, Overwrite=True, **given)
        )
        return int(answer["Version"])

    def _perform(self, action: str, names: Sequence[str], request: Callable[[], Any]) -> Any:
        access = self._access
        arns = [ssm.arn(name, region=access.region, partition=access.partition) for name in names]

        def attempt() -> Any:
            try:
                answer = request()
            except ClientError as error:
                advice = _ADVICE.get(error.response.get("Error", {}).get("Code", ""))
                if advice is None:
                    raise
                raise errors.AwsFailed(
                    f"SSM does not take {', '.join(names)}: {advice[0]}", hint=advice[1].format(name=names[0])
                ) from None
            if not {"Parameters", "Version"} & set(answer):  # botocore makes an empty answer of a page with status 200
                raise failures.NotAnAnswer
            return answer

        return calls.perform(
            attempt,
            access.call(f"ssm:{action}", *arns, client=self._client),
            deadline=retry.Deadline(access.wait_seconds),
            attempt_seconds=session.attempt_seconds(self._client),
            renew=access.renew,
        )


# What only a person can mend; SSM API reference, PutParameter.
_ADVICE = {
    "HierarchyTypeMismatchException": (
        "it exists with another type, which cannot be changed",
        "Remove it, and run this again: `aws ssm delete-parameter --name {name}`.",
    ),
    "ParameterMaxVersionLimitExceeded": (
        "it has as many versions as there can be, and a label keeps the oldest",
        "Take the label away: `aws ssm unlabel-parameter-version` for {name}.",
    ),
    "InvalidKeyId": (
        "there is no such KMS key",
        "Correct TELEPORT_SSM_KMS_KEY_ID in the conf.",
    ),
}
