"""KMS keys that something here is encrypted with: whether each can be used at the moment."""

from __future__ import annotations

from teleport_bootstrap.aws import kms
from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, Finding

# AWS's own keys, which always can be used by all who may use what they encrypt.
_OWN = "alias/aws/"


def is_own(key: str) -> bool:
    """Return whether `key`, an id, an ARN or an alias, is the alias of one of AWS's own keys."""
    return key.partition(":alias/")[2].startswith("aws/") or key.startswith(_OWN)


def region_of(key: str, region: str) -> str:
    """Return the region of `key`: that of its ARN, otherwise `region`."""
    return key.split(":")[3] if key.startswith("arn:") and key.count(":") >= 5 else region


def describe(subject: Subject, key: str, region: str) -> kms.Key | None:
    """Return the key, None where there is none. Raises what AWS raises."""
    place = region_of(key, region)
    return subject.once(("key", place, key), lambda: subject.aws.in_region(place).kms.describe(key))


def fault(subject: Subject, key: str, region: str, encrypts: str) -> Finding | None:
    """Return what is wrong with `key`, which `encrypts` something, None for nothing. Raises what AWS raises."""
    found = describe(subject, key, region)
    place = region_of(key, region)
    if found is None:
        message = f"there is no KMS key {key} in {place}, which encrypts {encrypts}"
        listed = commands.aws(place, "kms", "list-aliases")
        remedy = f"name another key; {commands.quoted(listed)} lists those with a name"
        return Finding(ERROR, "key-missing", key, message, remedy)
    if found.is_usable:
        return None
    enabled = commands.aws(place, "kms", "enable-key", "--key-id", found.key_id)
    if found.state == "Disabled":
        return _unusable(key, encrypts, "is disabled", f"run {commands.quoted(enabled)}")
    if found.state == "PendingDeletion":
        kept = commands.aws(place, "kms", "cancel-key-deletion", "--key-id", found.key_id)
        return _unusable(key, encrypts, "is about to be deleted", f"run {commands.quoted(kept, enabled)}")
    if found.state != kms.ENABLED:
        described = commands.aws(place, "kms", "describe-key", "--key-id", found.key_id)
        return _unusable(
            key, encrypts, f"is in the state {found.state}", f"look at it with {commands.quoted(described)}"
        )
    made = commands.aws(place, "kms", "create-key", "--description", f"encrypts {encrypts}")
    remedy = f"name a symmetric key that encrypts instead; {commands.quoted(made)} makes one"
    return _unusable(key, encrypts, f"is for {found.usage} with {found.spec}", remedy)


def _unusable(key: str, encrypts: str, how: str, remedy: str) -> Finding:
    return Finding(ERROR, "key-unusable", key, f"the KMS key {key}, which encrypts {encrypts}, {how}", remedy)
