"""What a backup takes: archives in S3, and DynamoDB's own backups of tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from teleport_bootstrap.backup.stores import names
from teleport_bootstrap.backup.stores.destination import Destination
from teleport_bootstrap.permissions import certificates
from teleport_bootstrap.permissions.need import BACKUP, Condition, Need
from teleport_bootstrap.permissions.scope import Scope

_ARCHIVES = "backup, `backup list`, `backup verify` and restore write, list and read archives"
_UNFINISHED = "backup removes the uploads that earlier runs have not finished"
_OLD = "backup --keep removes old archives"
_TABLES = "backup asks DynamoDB for a backup of each table"


def needs(
    destination: Destination | None, tables: Sequence[str], scope: Scope, *, bucket_key: str | None
) -> Iterator[Need]:
    """Yield what backups to `destination` call; None, or a directory, needs nothing of S3. `tables` are Teleport's.

    `bucket_key` is the KMS key of the bucket, None where S3 encrypts with its own.
    """
    if destination is not None and destination.is_s3:
        yield from _archives(destination, scope)
        if bucket_key is not None:
            yield from certificates.with_bucket_key(BACKUP, scope, bucket_key, _ARCHIVES, writes=True)
    if tables:
        arns = tuple(map(scope.table, tables))
        yield Need(BACKUP, "dynamodb:CreateBackup", arns, _TABLES)
        yield Need(BACKUP, "dynamodb:DescribeBackup", tuple(f"{arn}/backup/*" for arn in arns), _TABLES)


def _archives(destination: Destination, scope: Scope) -> Iterator[Need]:
    bucket = scope.bucket(destination.bucket)
    # An archive and the notes beside it.
    keys = f"{destination.prefix}{destination.name or names.START}*"
    objects = (scope.objects(destination.bucket, keys),)
    below = Condition("StringLike", "s3:prefix", (f"{destination.prefix}{names.START}*", *_key_of(destination)))
    yield Need(BACKUP, "s3:ListBucket", (bucket,), _ARCHIVES, (below,))
    yield Need(BACKUP, "s3:GetObject", objects, _ARCHIVES)
    yield Need(BACKUP, "s3:PutObject", objects, _ARCHIVES)
    yield Need(BACKUP, "s3:ListBucketMultipartUploads", (bucket,), _UNFINISHED)
    yield Need(BACKUP, "s3:AbortMultipartUpload", objects, _UNFINISHED)
    yield Need(BACKUP, "s3:DeleteObject", objects, _OLD)


def _key_of(destination: Destination) -> tuple[str, ...]:
    """Return the key of a single archive, which is listed where S3 denies to say whether it exists."""
    return () if destination.name is None else (f"{destination.prefix}{destination.name}",)
