"""What `doctor` asks about parameters, tables and buckets, besides what the other parts may ask of them anyway."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.conf import conf_file, deployment, variables
from teleport_bootstrap.permissions import athena
from teleport_bootstrap.permissions.need import ANY, DOCTOR, Condition, Need
from teleport_bootstrap.permissions.scope import UNKNOWN_REGION, Scope
from teleport_bootstrap.plan import plan_model

_PARAMETERS = "doctor looks at the types, tiers and keys of the parameters"
_KEYS = "doctor looks whether the KMS keys can be used"
_TABLES = "doctor looks at how the tables are set up"
_AUDIT_LOG = "doctor looks at the workgroup of the audit log"
_BUCKET = "doctor looks at how the bucket is set up"
_BUCKET_ACTIONS = (
    *("GetBucketObjectLockConfiguration", "GetBucketPublicAccessBlock", "GetBucketVersioning"),
    *("GetEncryptionConfiguration", "GetLifecycleConfiguration", "ListBucket"),
)


def needs(
    conf: conf_file.Conf,
    activated: plan_model.Activation,
    scope: Scope,
    *,
    parameters_key: str | None,
    bucket_key: str | None,
) -> Iterator[Need]:
    """Yield what the checks of parameters, tables and buckets call.

    The keys are those of the parameters and of the bucket, None for AWS's own, which need not be looked at.
    """
    decided = activated.deployment
    publishes = decided.role.runs_auth and decided.cluster is not None
    region = UNKNOWN_REGION if scope.region is None else scope.region
    here = Condition("StringEquals", "aws:RequestedRegion", (region,))
    if publishes or any(each.parameter is not None for each in activated.secrets):
        yield Need(DOCTOR, "ssm:DescribeParameters", ANY, _PARAMETERS, (here,))
        yield from _key(parameters_key, scope)
    if decided.role.runs_auth:
        yield from _tables(conf, decided, scope, here)
    bucket = conf.value(variables.TELEPORT_S3_BUCKET)
    if bucket is not None and (decided.letsencrypt or decided.dynamodb):
        for action in _BUCKET_ACTIONS:
            yield Need(DOCTOR, f"s3:{action}", (scope.bucket(bucket),), _BUCKET)
        yield from _key(bucket_key, scope)


def _tables(conf: conf_file.Conf, decided: deployment.Deployment, scope: Scope, here: Condition) -> Iterator[Need]:
    locks = conf.value(variables.TELEPORT_LOCKS_TABLE_NAME)
    lasting = [conf.value(variables.TELEPORT_DYNAMO_TABLE_NAME)] if decided.dynamodb else []
    if decided.dynamodb and deployment.DYNAMODB in decided.event_stores:
        lasting.append(conf.value(variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME))
    kept = tuple(scope.table(name) for name in lasting if name is not None)
    every = (*kept, *((scope.table(locks),) if locks is not None else ()))
    if every:
        yield Need(DOCTOR, "dynamodb:DescribeTable", every, _TABLES)
        yield Need(DOCTOR, "application-autoscaling:DescribeScalableTargets", ANY, _TABLES, (here,))
    if kept:
        yield Need(DOCTOR, "dynamodb:DescribeTimeToLive", kept, _TABLES)
        yield Need(DOCTOR, "dynamodb:DescribeContinuousBackups", kept, _TABLES)
    uri = conf.value(variables.TELEPORT_ATHENA_EVENTS_URI)
    if uri is not None and deployment.ATHENA in decided.event_stores:
        log = athena.audit_log(uri)
        resource = scope.arn("athena", f"workgroup/{log.workgroup}")
        yield Need(DOCTOR, "athena:GetWorkGroup", (resource,), _AUDIT_LOG)
        catalog = ("catalog", f"database/{log.database}", f"table/{log.database}/{log.table}")
        yield Need(DOCTOR, "glue:GetTable", tuple(scope.arn("glue", each) for each in catalog), _AUDIT_LOG)


def _key(key: str | None, scope: Scope) -> Iterator[Need]:
    if key is not None:
        arn, conditions = scope.key(key)
        yield Need(DOCTOR, "kms:DescribeKey", (arn,), _KEYS, conditions)
