"""KMS: what a key is, and whether it can be used at the moment. Nothing is encrypted or decrypted here."""

from __future__ import annotations

from collections.abc import Mapping

from teleport_bootstrap.aws.service import Service
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass

ENABLED = "Enabled"
ENCRYPTS = "ENCRYPT_DECRYPT"


@dataclass(frozen=True)
class Key:
    """A key as KMS describes it: `state`, `usage`, `spec`, `manager` (AWS or CUSTOMER) and `origin` in KMS's words.

    `deletion` is when a key that awaits its deletion is deleted, in seconds since 1970.
    """

    arn: str
    key_id: str
    state: str
    usage: str
    spec: str
    manager: str
    origin: str
    multi_region: bool
    deletion: float | None

    @property
    def is_usable(self) -> bool:
        """Whether the key is enabled, and encrypts data with one secret key, as SSM, S3 and DynamoDB need it."""
        return self.state == ENABLED and self.usage == ENCRYPTS and self.spec in ("", "SYMMETRIC_DEFAULT")


class KeyManagement(Service):
    """KMS in one region; get it from `account.Aws.kms`, which says what methods raise."""

    def describe(self, key: str) -> Key | None:
        """Return the key with this id, ARN, alias (`alias/NAME`) or ARN of an alias; None where there is none."""
        found: Key | None = self.call(
            "kms:DescribeKey", [self.key_arn(key)], read=_key, missing=("NotFoundException",), KeyId=key
        )
        return found

    def key_arn(self, key: str) -> str:
        """Return the ARN of a key or alias, with `*` for the account where `key` does not name it."""
        if key.startswith("arn:"):
            return key
        return self.arn(key if key.startswith("alias/") else f"key/{key}", service="kms")


def _key(answer: Mapping[str, Any]) -> Key:
    found = answer["KeyMetadata"]
    return Key(
        arn=found["Arn"],
        key_id=found["KeyId"],
        state=found["KeyState"],
        usage=found.get("KeyUsage") or ENCRYPTS,
        spec=found.get("KeySpec") or "",
        manager=found.get("KeyManager") or "",
        origin=found.get("Origin") or "",
        multi_region=bool(found.get("MultiRegion")),
        deletion=found.get("DeletionDate"),
    )
