"""SSM Parameter Store: secrets read all together or not at all, and parameters that an auth server publishes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from teleport_bootstrap import errors
from teleport_bootstrap.aws import failures
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import retry
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret

SECURE_STRING = "SecureString"
STRING = "String"

_NAMES_IN_A_CALL = 10  # SSM API reference, GetParameters


@dataclass(frozen=True)
class Parameter:
    """A stored parameter: its type, its version, its time of change (in seconds since 1970), its value if a String."""

    kind: str
    version: int
    modified: float
    value: str | None


class ParameterStore(Service):
    """Parameter Store in one region; get it from `account.Aws.ssm`, which says what methods raise."""

    def fetch(
        self, names: Sequence[str], *, optional: Collection[str] = (), may_be_empty: Collection[str] = ()
    ) -> dict[str, Secret]:
        """Return the decrypted values of the parameters `names`, by name and in that order, from one call for each ten.

        The service's `wait_seconds` bound all calls together; its `crowd` says how long to wait while SSM throttles
        them. A parameter in `optional` that does not exist is left
        out. Raises ParameterMissing, which names all others that do not exist, and ParameterEmpty, unless only those in
        `may_be_empty` are. A name may be an ARN.
        """
        wanted = list(dict.fromkeys(names))
        deadline = retry.Deadline(self.wait_seconds, self.clock, crowd=self.crowd)
        values: dict[str, Secret] = {}
        for start in range(0, len(wanted), _NAMES_IN_A_CALL):
            # The values become secrets here, before anything else can hold them.
            some = wanted[start : start + _NAMES_IN_A_CALL]
            values.update(self._get(some, lambda found: _secrets(found, wanted), deadline, WithDecryption=True))
        missing = [name for name in wanted if name not in values and name not in optional]
        if missing:
            raise errors.ParameterMissing(
                f"SSM Parameter Store in {self.region} has no parameter {', '.join(missing)}",
                hint=f"Create it: {'; '.join(f'`{_put_command(name, self.region)}`' for name in missing)}.",
            )
        empty = [name for name, value in values.items() if not value.reveal().strip() and name not in may_be_empty]
        if empty:
            raise self.empty(*empty)
        return {name: values[name] for name in wanted if name in values}

    def empty(self, *names: str) -> errors.ParameterEmpty:
        """Return the error for parameters that hold nothing but white space."""
        return errors.ParameterEmpty(
            f"SSM Parameter Store in {self.region} holds only white space in {', '.join(names)}",
            hint=f"Replace it: {'; '.join(f'`{_put_command(name, self.region)} --overwrite`' for name in names)}.",
        )

    def look_up(self, names: Sequence[str]) -> dict[str, Parameter]:
        """Return those of `names`, at most ten, that exist, by name. Nothing is decrypted."""
        found: dict[str, Parameter] = self._get(names, _parameters, WithDecryption=False)
        return found

    def put_secret(self, name: str, value: Secret, *, key_id: str | None) -> int:
        """Store `value` encrypted, with the key `key_id` or the account's default one; return the new version."""
        key = {} if key_id is None else {"KeyId": key_id}
        return self._put(name, Value=value.reveal(), Type=SECURE_STRING, **key)

    def put(self, name: str, value: str) -> int:
        """Store `value` unencrypted; return the new version."""
        return self._put(name, Value=value, Type=STRING)

    def _get(
        self,
        names: Sequence[str],
        read: Callable[[Sequence[Mapping[str, Any]]], Any],
        deadline: retry.Deadline | None = None,
        **options: Any,
    ) -> Any:
        return self.call(
            "ssm:GetParameters",
            self._arns(names),
            deadline=deadline,
            read=lambda answer: read(answer["Parameters"]),
            expect="Parameters",
            Names=list(names),
            **options,
        )

    def _put(self, name: str, **parameters: str) -> int:
        def request() -> int:
            try:
                answer = self.request("PutParameter", expect="Version", Name=name, Overwrite=True, **parameters)
            except failures.Refusal as error:
                problem, remedy = _PUT_PROBLEMS.get(failures.code(error), ("", ""))
                if not problem:
                    raise
                raise errors.AwsFailed(f"SSM refuses {name}: {problem}", hint=remedy.format(name=name)) from None
            return int(answer["Version"])

        return self.perform("ssm:PutParameter", self._arns([name]), request)

    def _arns(self, names: Sequence[str]) -> list[str]:
        return [
            name if name.startswith("arn:") else self.arn(f"parameter/{name.lstrip('/')}", service="ssm")
            for name in names
        ]


# Failures that only a person can mend; SSM API reference, PutParameter.
_PUT_PROBLEMS = {
    "HierarchyTypeMismatchException": (
        "it exists with another type, which cannot be changed",
        "Delete it, then run this again: `aws ssm delete-parameter --name {name}`.",
    ),
    "ParameterMaxVersionLimitExceeded": (
        "it has the maximum number of versions, and the oldest one has a label, so that it cannot be deleted",
        "Remove that label: `aws ssm unlabel-parameter-version` for {name}.",
    ),
    "InvalidKeyId": ("the KMS key does not exist", "Correct TELEPORT_SSM_KMS_KEY_ID in the conf."),
}


def _secrets(found: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> dict[str, Secret]:
    """Return the values by the names that were asked for, which may be ARNs."""
    named = {each["Name"] if each["Name"] in wanted else each.get("ARN", each["Name"]): each for each in found}
    return {name: Secret(each["Value"]) for name, each in named.items() if name in wanted}


def _parameters(found: Sequence[Mapping[str, Any]]) -> dict[str, Parameter]:
    return {
        each["Name"]: Parameter(
            kind=str(each["Type"]),
            version=int(each["Version"]),
            modified=float(each["LastModifiedDate"]),
            value=each["Value"] if each["Type"] == STRING else None,
        )
        for each in found
    }


def _put_command(name: str, region: str) -> str:
    name = name.partition(":parameter")[2] or name
    kind = STRING if name.endswith("/ca-pin-hash") else SECURE_STRING
    tier = " --tier Advanced" if name.endswith("/license") else ""  # a license may exceed the 4 KB of a standard one
    return f"aws ssm put-parameter --region {region} --name {name} --type {kind}{tier} --value file://FILE"
