"""What Teleport itself asks of AWS, as the conf configures it and by its version.

Read off Teleport's code and its own pages on DynamoDB, S3 and Athena (releases 12 to 18). The tables and the bucket
exist already, with TTL, a stream and versioning, so that Teleport creates and changes none of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.conf import conf_file, deployment, variables
from teleport_bootstrap.permissions import athena, certificates
from teleport_bootstrap.permissions.need import ANY, TELEPORT, Need
from teleport_bootstrap.permissions.scope import Scope
from teleport_bootstrap.plan import teleport_build

_STATE = "Teleport keeps the state of the cluster in DynamoDB"
_STREAM = "Teleport follows the changes of the state"
_EVENTS = "Teleport writes and searches the audit log in DynamoDB"
_RECORDINGS = "Teleport uploads and plays session recordings"
_MONITORING = "Teleport assumes the role of access monitoring"
_JOINING = "Teleport looks at the instances that join with the method ec2"

_STATE_ACTIONS = (
    *("BatchWriteItem", "DeleteItem", "DescribeTable", "DescribeTimeToLive", "GetItem", "PutItem", "Query"),
    "UpdateItem",
)
_STREAM_ACTIONS = ("DescribeStream", "GetRecords", "GetShardIterator")
_EVENTS_ACTIONS = ("BatchWriteItem", "DescribeTable", "DescribeTimeToLive", "PutItem", "Query")
_BUCKET_ACTIONS = (
    *("GetBucketVersioning", "GetEncryptionConfiguration", "ListBucket", "ListBucketMultipartUploads"),
    "ListBucketVersions",
)
_OBJECT_ACTIONS = ("AbortMultipartUpload", "GetObject", "GetObjectVersion", "ListMultipartUploadParts", "PutObject")


def needs(
    conf: conf_file.Conf,
    decided: deployment.Deployment,
    build: teleport_build.TeleportBuild,
    scope: Scope,
    *,
    bucket_key: str | None,
) -> Iterator[Need]:
    """Yield what Teleport calls on an auth server; on the other roles, what it calls is not of this conf."""
    if not decided.role.runs_auth:
        return
    if decided.dynamodb:
        yield from _state(conf.value(variables.TELEPORT_DYNAMO_TABLE_NAME), build, scope)
        if deployment.DYNAMODB in decided.event_stores:
            yield from _events(conf.value(variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME), scope)
        bucket = conf.value(variables.TELEPORT_S3_BUCKET)
        if bucket is not None:
            yield from _recordings(bucket, build, scope, bucket_key)
    if deployment.ATHENA in decided.event_stores:
        yield from athena.needs(conf.value(variables.TELEPORT_ATHENA_EVENTS_URI) or "", scope)
    role = conf.value(variables.TELEPORT_ACCESS_MONITORING_ROLE_ARN)
    if role is not None:
        yield Need(TELEPORT, "sts:AssumeRole", (role,), _MONITORING)
    if decided.join_method == "ec2":
        yield Need(TELEPORT, "ec2:DescribeInstances", ANY, _JOINING)


def _state(table: str | None, build: teleport_build.TeleportBuild, scope: Scope) -> Iterator[Need]:
    if table is None:
        return
    arn = scope.table(table)
    more = ("ConditionCheckItem",) if build.checks_other_items else ()
    for action in (*_STATE_ACTIONS, *more):
        yield Need(TELEPORT, f"dynamodb:{action}", (arn,), _STATE)
    for action in _STREAM_ACTIONS:
        yield Need(TELEPORT, f"dynamodb:{action}", (f"{arn}/stream/*",), _STREAM)


def _events(table: str | None, scope: Scope) -> Iterator[Need]:
    if table is None:
        return
    arn = scope.table(table)
    for action in _EVENTS_ACTIONS:
        searched = (f"{arn}/index/*",) if action == "Query" else ()
        yield Need(TELEPORT, f"dynamodb:{action}", (arn, *searched), _EVENTS)


def _recordings(bucket: str, build: teleport_build.TeleportBuild, scope: Scope, key: str | None) -> Iterator[Need]:
    for action in _BUCKET_ACTIONS:
        yield Need(TELEPORT, f"s3:{action}", (scope.bucket(bucket),), _RECORDINGS)
    more = ("GetObjectRetention",) if build.reads_retention else ()
    for action in (*_OBJECT_ACTIONS, *more):
        yield Need(TELEPORT, f"s3:{action}", (scope.objects(bucket, "records/*"),), _RECORDINGS)
    if key is not None:
        yield from certificates.with_bucket_key(TELEPORT, scope, key, _RECORDINGS, writes=True)
