"""How an S3 bucket is set up: its region, versioning, encryption, public access, object lock and lifecycle.

Each function makes one call about a `bucket` of `account.Aws.s3`, and raises what `s3.Bucket` lists; None stands for
what is not configured. Threads need a bucket each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from teleport_bootstrap.aws import failures
from teleport_bootstrap.aws.s3 import Bucket
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.records import dataclass

Result = TypeVar("Result")


@dataclass(frozen=True)
class Versioning:
    """Whether new versions are kept beside old ones: `status` is Enabled, Suspended, or "" where it never was on."""

    status: str
    mfa_delete: bool

    @property
    def is_enabled(self) -> bool:
        """Whether versions are kept."""
        return self.status == "Enabled"


@dataclass(frozen=True)
class Encryption:
    """The default encryption: `algorithm` is AES256, aws:kms or aws:kms:dsse; `key` is "" for the account's own key."""

    algorithm: str
    key: str
    bucket_key: bool


@dataclass(frozen=True)
class PublicAccessBlock:
    """Which ways of making objects public are shut."""

    block_acls: bool
    ignore_acls: bool
    block_policy: bool
    restrict_buckets: bool

    @property
    def is_complete(self) -> bool:
        """Whether all are."""
        return self.block_acls and self.ignore_acls and self.block_policy and self.restrict_buckets


@dataclass(frozen=True)
class ObjectLock:
    """Object lock is on: `mode` is GOVERNANCE or COMPLIANCE, and `days` or `years` how long, where it has a default."""

    mode: str
    days: int | None
    years: int | None


@dataclass(frozen=True)
class Transition:
    """A move of objects to another storage class, after `days`, None where it is at a date."""

    storage_class: str
    days: int | None


@dataclass(frozen=True)
class LifecycleRule:
    """A rule about the objects below `prefix`; `has_filter` where it is only about some of these, by tag or size.

    `expires` says that it deletes current versions, after `expires_days` where it is not at a date. `noncurrent_days`
    and `abort_days`, of unfinished uploads, are None where it does not delete those.
    """

    rule_id: str
    enabled: bool
    prefix: str
    has_filter: bool
    expires: bool
    expires_days: int | None
    noncurrent_days: int | None
    abort_days: int | None
    transitions: tuple[Transition, ...]


def region(bucket: Bucket) -> str | None:
    """Return the region of the bucket, None where there is no bucket of this name."""

    def read(answer: Mapping[str, Any]) -> str:
        metadata = answer["ResponseMetadata"]
        return str(metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region") or bucket.region)

    return _ask(bucket, "s3:ListBucket", "HeadBucket", read, ("404", "NoSuchBucket", "NotFound"))


def versioning(bucket: Bucket) -> Versioning:
    """Return whether the bucket keeps versions."""
    return _ask(bucket, "s3:GetBucketVersioning", "GetBucketVersioning", _versioning) or Versioning("", False)


def encryption(bucket: Bucket) -> Encryption | None:
    """Return the bucket's default encryption; current S3 always has one."""
    code = "ServerSideEncryptionConfigurationNotFoundError"
    return _ask(bucket, "s3:GetEncryptionConfiguration", "GetBucketEncryption", _encryption, (code,))


def public_access_block(bucket: Bucket) -> PublicAccessBlock | None:
    """Return the bucket's own block; the account may have another one, which counts too."""
    code = "NoSuchPublicAccessBlockConfiguration"
    return _ask(bucket, "s3:GetBucketPublicAccessBlock", "GetPublicAccessBlock", _public_access_block, (code,))


def object_lock(bucket: Bucket) -> ObjectLock | None:
    """Return whether objects can be locked against being deleted."""
    code = "ObjectLockConfigurationNotFoundError"
    return _ask(bucket, "s3:GetBucketObjectLockConfiguration", "GetObjectLockConfiguration", _object_lock, (code,))


def lifecycle(bucket: Bucket) -> tuple[LifecycleRule, ...]:
    """Return the rules by which objects are moved or deleted; none where there is no configuration."""
    code = "NoSuchLifecycleConfiguration"
    found = _ask(bucket, "s3:GetLifecycleConfiguration", "GetBucketLifecycleConfiguration", _rules, (code,))
    return found or ()


def _ask(
    bucket: Bucket,
    action: str,
    operation: str,
    read: Callable[[Mapping[str, Any]], Result],
    missing: Collection[str] = (),
) -> Result | None:
    """Return what `read` makes of the answer, None where S3 answers one of the codes `missing`."""

    def request() -> Result | None:
        try:
            answer = bucket.request(operation)
            # An empty configuration, and botocore's reading of a proxy's page, are alike but for this.
            if not answer["ResponseMetadata"].get("RequestId"):
                raise failures.NotAnAnswer
            return read(answer)
        except failures.Refusal as error:
            if failures.code(error) in missing:
                return None
            raise

    return bucket.perform(action, None, request)


def _versioning(answer: Mapping[str, Any]) -> Versioning:
    return Versioning(answer.get("Status", ""), answer.get("MFADelete") == "Enabled")


def _encryption(answer: Mapping[str, Any]) -> Encryption:
    rule = answer["ServerSideEncryptionConfiguration"]["Rules"][0]
    default = rule["ApplyServerSideEncryptionByDefault"]
    return Encryption(default["SSEAlgorithm"], default.get("KMSMasterKeyID", ""), rule.get("BucketKeyEnabled", False))


def _public_access_block(answer: Mapping[str, Any]) -> PublicAccessBlock:
    found = answer["PublicAccessBlockConfiguration"]
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return PublicAccessBlock(*(found.get(name, False) for name in names))


def _object_lock(answer: Mapping[str, Any]) -> ObjectLock | None:
    found = answer["ObjectLockConfiguration"]
    if found.get("ObjectLockEnabled") != "Enabled":
        return None
    default = found.get("Rule", {}).get("DefaultRetention", {})
    return ObjectLock(default.get("Mode", ""), default.get("Days") or None, default.get("Years") or None)


def _rules(answer: Mapping[str, Any]) -> tuple[LifecycleRule, ...]:
    return tuple(map(_rule, answer["Rules"]))


def _rule(found: Mapping[str, Any]) -> LifecycleRule:
    chosen = found.get("Filter", {})
    every = chosen.get("And", chosen)
    expiration = found.get("Expiration", {})
    return LifecycleRule(
        rule_id=found.get("ID", ""),
        enabled=found["Status"] == "Enabled",
        prefix=every.get("Prefix") or found.get("Prefix") or "",
        has_filter=bool(set(every) - {"Prefix", "And"}),
        expires="Days" in expiration or "Date" in expiration,
        expires_days=expiration.get("Days"),
        noncurrent_days=found.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
        abort_days=found.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"),
        transitions=tuple(
            Transition(each.get("StorageClass", ""), each.get("Days")) for each in found.get("Transitions", ())
        ),
    )
