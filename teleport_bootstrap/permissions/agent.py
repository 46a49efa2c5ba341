"""What this agent asks of AWS besides certificates and backups: parameters, the lock, tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from teleport_bootstrap.cluster import join_tokens, lock_item
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.permissions import signals
from teleport_bootstrap.permissions.need import ANY, OURS, Condition, Need
from teleport_bootstrap.permissions.scope import UNKNOWN_REGION, Scope
from teleport_bootstrap.plan import plan_model

_FETCHING = "generate and fetch-secrets read what Teleport needs from SSM"
_PUBLISHING = "publish-tokens looks at what is published, and publishes join tokens and CA pins"
_LOCKING = "auth servers take turns through one item of the table of locks"
_TAGS = "generate reads the tags in TELEPORT_TAG_LABELS where instance metadata does not show them"


def needs(
    conf: conf_file.Conf,
    activated: plan_model.Activation,
    scope: Scope,
    key: str | None,
    *,
    group: str | None = None,
    target_groups: tuple[str, ...] | None = None,
) -> Iterator[Need]:
    """Yield what the commands and timers of the role call; `key` is the KMS key of the parameters, None for AWS's own.

    AWS's own key, `aws/ssm`, needs no permission: it serves everyone in the account who may use the parameter. `group`
    is the auto scaling group, and `target_groups` are the ARNs of its target groups, None where these are not known.
    """
    fetched = [each for each in activated.secrets if each.parameter is not None]
    if fetched:
        yield Need(OURS, "ssm:GetParameters", _parameters(scope, (each.parameter for each in fetched)), _FETCHING)
        # A CA pin is not encrypted: what every instance may read is not secret.
        encrypted = [each.parameter for each in fetched if not _is_pin(each)]
        if key is not None and encrypted:
            yield _with_key("kms:Decrypt", scope, key, _parameters(scope, encrypted), f"{_FETCHING}, encrypted")
    decided = activated.deployment
    if decided.role.runs_auth and decided.cluster is not None:
        yield from _publishing(conf, decided.cluster, scope, key)
        table = conf.value(variables.TELEPORT_LOCKS_TABLE_NAME)
        if table is not None:
            yield from locking(OURS, scope, table)
    if conf.value(variables.TELEPORT_TAG_LABELS):
        region = UNKNOWN_REGION if scope.region is None else scope.region
        here = Condition("StringEquals", "aws:RequestedRegion", (region,))
        yield Need(OURS, "ec2:DescribeTags", ANY, _TAGS, (here,))
    yield from signals.needs(conf, scope, group, target_groups)


def locking(part: str, scope: Scope, table: str) -> Iterator[Need]:
    """Yield what a lock in `table` takes: reading and writing that one item."""
    item = Condition("ForAllValues:StringEquals", "dynamodb:LeadingKeys", (lock_item.KEY,))
    # ForAllValues holds for a request without keys too; Null refuses that one.
    keyed = Condition("Null", "dynamodb:LeadingKeys", ("false",))
    for action in ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"):
        yield Need(part, action, (scope.table(table),), _LOCKING, (item, keyed))


def _publishing(conf: conf_file.Conf, cluster: str, scope: Scope, key: str | None) -> Iterator[Need]:
    tokens = join_tokens.parameters(cluster, both=conf.value(variables.TELEPORT_PROXY_NODE_TOKEN) is True)
    published = _parameters(scope, (*tokens, join_tokens.pins_parameter(cluster)))
    for action in ("ssm:GetParameters", "ssm:PutParameter"):
        yield Need(OURS, action, published, _PUBLISHING)
    if key is not None:
        yield _with_key("kms:Encrypt", scope, key, _parameters(scope, tokens), f"{_PUBLISHING}, encrypted")


def _with_key(action: str, scope: Scope, key: str, parameters: tuple[str, ...], call: str) -> Need:
    arn, conditions = scope.key(key)
    # SSM user guide, "AWS KMS encryption for Parameter Store SecureString parameters": the ARN is the context.
    context = Condition("StringEquals", "kms:EncryptionContext:PARAMETER_ARN", parameters)
    return Need(OURS, action, (arn,), call, (*conditions, scope.via("ssm"), context))


def _parameters(scope: Scope, names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(scope.parameter(name) for name in names if name is not None))


def _is_pin(secret: plan_model.SecretFile) -> bool:
    return secret.parameter is not None and secret.parameter.endswith("/ca-pin-hash")
