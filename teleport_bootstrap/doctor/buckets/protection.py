"""Whether what is in the bucket is kept, encrypted and private: versions, encryption, public access, object lock."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.aws import s3_configuration as setup
from teleport_bootstrap.doctor import commands, kms_keys
from teleport_bootstrap.doctor.buckets import bucket_commands, conf_bucket
from teleport_bootstrap.doctor.check import BUCKETS, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import NOTE, WARNING, Finding


def _run_versioning(subject: Subject) -> Iterator[Finding]:
    bucket = conf_bucket.existing(subject)
    if not bucket.recordings:
        raise Skipped(f"{bucket.name} holds no session recordings")
    found = conf_bucket.setting(subject, bucket, setup.versioning)
    if found.is_enabled:
        yield Finding(NOTE, "bucket-versions", bucket.name, "versions are kept")
        return
    message = f"the bucket {bucket.name} keeps no versions: a recording can be overwritten or deleted"
    remedy = f"run {commands.quoted(bucket_commands.versioning(_region(subject, bucket), bucket.name))}"
    yield Finding(WARNING, "bucket-versions-off", bucket.name, message, remedy, conf_bucket.place(subject))


def _run_encryption(subject: Subject) -> Iterator[Finding]:
    bucket = conf_bucket.existing(subject)
    found = conf_bucket.setting(subject, bucket, setup.encryption)
    if found is not None:
        key = f" with the key {found.key}" if found.key else ""
        yield Finding(NOTE, "bucket-encrypted", bucket.name, f"{found.algorithm}{key}")
        return
    message = f"the bucket {bucket.name} does not encrypt by default what is written to it"
    remedy = f"run {commands.quoted(bucket_commands.encryption(_region(subject, bucket), bucket.name))}"
    yield Finding(WARNING, "bucket-not-encrypted", bucket.name, message, remedy, conf_bucket.place(subject))


def _run_key(subject: Subject) -> Iterator[Finding]:
    bucket = conf_bucket.existing(subject)
    found = conf_bucket.setting(subject, bucket, setup.encryption)
    if found is None or not found.key or kms_keys.is_own(found.key):
        raise Skipped(f"{bucket.name} encrypts with a key of AWS's own, which all who may read it may use")
    region = _region(subject, bucket)
    fault = kms_keys.fault(subject, found.key, region, f"the bucket {bucket.name}")
    yield fault or Finding(NOTE, "key-usable", found.key, f"{found.key} can be used")


def _run_privacy(subject: Subject) -> Iterator[Finding]:
    bucket = conf_bucket.existing(subject)
    found = conf_bucket.setting(subject, bucket, setup.public_access_block)
    if found is not None and found.is_complete:
        yield Finding(NOTE, "bucket-private", bucket.name, "public access is blocked")
        return
    how = "does not block public access" if found is None else "blocks public access in part only"
    message = f"the bucket {bucket.name} {how}: a policy or an ACL can make {bucket.holds} public"
    remedy = f"run {commands.quoted(bucket_commands.privacy(_region(subject, bucket), bucket.name))}"
    yield Finding(WARNING, "bucket-public", bucket.name, message, remedy, conf_bucket.place(subject))


def _run_lock(subject: Subject) -> Iterator[Finding]:
    bucket = conf_bucket.existing(subject)
    found = conf_bucket.setting(subject, bucket, setup.object_lock)
    if found is None:
        yield Finding(NOTE, "bucket-lock", bucket.name, "objects are not locked: who may delete one, can")
    elif not found.mode:
        yield Finding(NOTE, "bucket-lock", bucket.name, "objects can be locked, and are not by default")
    else:
        period = f"{found.years} years" if found.years else f"{found.days} days"
        yield Finding(NOTE, "bucket-lock", bucket.name, f"objects are locked for {period} ({found.mode})")


def _region(subject: Subject, bucket: conf_bucket.UsedBucket) -> str:
    return conf_bucket.region(subject, bucket) or subject.region


CHECKS = (
    Check("bucket-versions", BUCKETS, "whether the bucket keeps versions of recordings", _run_versioning),
    Check("bucket-encryption", BUCKETS, "whether the bucket encrypts what is written to it", _run_encryption),
    Check("bucket-key", BUCKETS, "the KMS key of the bucket: whether it can be used", _run_key),
    Check("bucket-privacy", BUCKETS, "whether the bucket blocks public access", _run_privacy),
    Check("bucket-lock", BUCKETS, "whether objects in the bucket are locked against being deleted", _run_lock),
)
