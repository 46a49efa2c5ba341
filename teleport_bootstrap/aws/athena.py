"""Athena: the workgroup in which Teleport's audit events are queried."""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap.aws import failures
from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass


@dataclass(frozen=True)
class Workgroup:
    """A workgroup: where its results go, "" where each query says it, and whether it overrules what queries say.

    `encryption` is SSE_S3, SSE_KMS, CSE_KMS or "", `key` the KMS key of the latter two. `engine` is the version in use.
    """

    name: str
    enabled: bool
    output: str
    enforced: bool
    encryption: str
    key: str
    engine: str


class Athena(Service):
    """Athena in one region; get it from `account.Aws.athena`, which says what methods raise."""

    def workgroup(self, name: str) -> Workgroup | None:
        """Return the workgroup called `name`, None where there is none."""

        def request() -> Workgroup | None:
            try:
                return _workgroup(self.request("GetWorkGroup", expect="WorkGroup", WorkGroup=name))
            except failures.Refusal as error:
                # Athena has no code of its own for that.
                said = str(error.response["Error"].get("Message", ""))
                if failures.code(error) == "InvalidRequestException" and "not found" in said:
                    return None
                raise

        return self.perform("athena:GetWorkGroup", [self.arn(f"workgroup/{name}", service="athena")], request)


def _workgroup(answer: Mapping[str, Any]) -> Workgroup:
    found = answer["WorkGroup"]
    configuration = found.get("Configuration") or {}
    results = configuration.get("ResultConfiguration") or {}
    encryption = results.get("EncryptionConfiguration") or {}
    return Workgroup(
        name=found["Name"],
        enabled=(found.get("State") or "ENABLED") == "ENABLED",
        output=results.get("OutputLocation") or "",
        enforced=bool(configuration.get("EnforceWorkGroupConfiguration")),
        encryption=encryption.get("EncryptionOption") or "",
        key=encryption.get("KmsKey") or "",
        engine=(configuration.get("EngineVersion") or {}).get("EffectiveEngineVersion") or "",
    )
