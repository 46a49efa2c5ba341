"""The needs of an instance as the statements of one IAM policy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from teleport_bootstrap.backup.stores.destination import Destination
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.hints import Any
from teleport_bootstrap.permissions import agent, backups, certificates, checks, teleport
from teleport_bootstrap.permissions.need import (
    BACKUP,
    CERTIFICATES,
    DOCTOR,
    OURS,
    PARTS,
    TELEPORT,
    WORKING_PARTS,
    Condition,
    Need,
)
from teleport_bootstrap.permissions.scope import Scope
from teleport_bootstrap.plan import plan_model, teleport_build
from teleport_bootstrap.records import dataclass

# The version of IAM's policy language.
VERSION = "2012-10-17"

# IAM's quota for a managed policy, in characters without white space.
LONGEST = 6144


@dataclass(frozen=True)
class Surroundings:
    """What a conf does not say: the KMS keys of parameters and buckets, the hosted zone, the place of backups.

    `group` is the name of the auto scaling group, and `target_groups` are the ARNs of its target groups. Each is None
    where it is not known, or not used.
    """

    parameters_key: str | None = None
    bucket_key: str | None = None
    zone: str | None = None
    backups: Destination | None = None
    group: str | None = None
    target_groups: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Subject:
    """What a policy is for: the conf, what it activates, and the Teleport that runs it, with their surroundings."""

    conf: conf_file.Conf
    activated: plan_model.Activation
    build: teleport_build.TeleportBuild
    around: Surroundings = Surroundings()


@dataclass(frozen=True)
class Statement:
    """Actions on the same resources under the same conditions; `name` has letters and digits only."""

    name: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]

    def document(self) -> dict[str, Any]:
        """Return it as IAM writes it."""
        conditions: dict[str, dict[str, Any]] = {}
        for each in self.conditions:
            conditions.setdefault(each.operator, {})[each.key] = _one_or_more(each.values)
        return {
            "Sid": self.name,
            "Effect": "Allow",
            "Action": _one_or_more(self.actions),
            "Resource": _one_or_more(self.resources),
            **({"Condition": conditions} if conditions else {}),
        }


def needs(subject: Subject, scope: Scope, parts: Collection[str] = WORKING_PARTS) -> tuple[Need, ...]:
    """Return all that the `parts` of an instance call. Raises UsageError for an invalid KMS key or group."""
    conf, decided, around = subject.conf, subject.activated.deployment, subject.around
    tables = _tables(conf) if decided.role.runs_auth and decided.dynamodb else ()
    found: dict[str, Iterator[Need]] = {
        OURS: agent.needs(
            conf,
            subject.activated,
            scope,
            around.parameters_key,
            group=around.group,
            target_groups=around.target_groups,
        ),
        CERTIFICATES: certificates.needs(conf, decided, scope, zone=around.zone, bucket_key=around.bucket_key),
        BACKUP: backups.needs(around.backups, tables, scope, bucket_key=around.bucket_key),
        TELEPORT: teleport.needs(conf, decided, subject.build, scope, bucket_key=around.bucket_key),
        DOCTOR: checks.needs(
            conf,
            subject.activated,
            scope,
            parameters_key=around.parameters_key,
            bucket_key=around.bucket_key,
        ),
    }
    return tuple(need for part in PARTS if part in parts for need in found[part])


def statements(found: Iterable[Need]) -> tuple[Statement, ...]:
    """Return statements that allow exactly `found`: each is of one part, and has actions with equal resources.

    What two parts need is in a statement of the first.
    """
    by_action: dict[tuple[str, str, tuple[Condition, ...]], dict[str, None]] = {}
    allowed: set[tuple[str, str, tuple[Condition, ...]]] = set()
    for each in found:
        more = [arn for arn in each.resources if (each.action, arn, each.conditions) not in allowed]
        allowed.update((each.action, arn, each.conditions) for arn in more)
        if more:
            by_action.setdefault((each.part, each.action, each.conditions), {}).update(dict.fromkeys(more))
    grouped: dict[tuple[str, tuple[str, ...], tuple[Condition, ...]], list[str]] = {}
    for (part, action, conditions), resources in by_action.items():
        grouped.setdefault((part, tuple(resources), conditions), []).append(action)
    numbers: dict[str, int] = {}
    made = []
    for (part, shared, conditions), actions in grouped.items():
        numbers[part] = numbers.get(part, 0) + 1
        made.append(Statement(f"{part.capitalize()}{numbers[part]}", tuple(sorted(actions)), shared, conditions))
    return tuple(made)


def document(found: Iterable[Statement]) -> dict[str, Any]:
    """Return the policy."""
    return {"Version": VERSION, "Statement": [each.document() for each in found]}


def _tables(conf: conf_file.Conf) -> tuple[str, ...]:
    named = (variables.TELEPORT_DYNAMO_TABLE_NAME, variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME)
    return tuple(name for name in map(conf.value, named) if name is not None)


def _one_or_more(values: tuple[str, ...]) -> Any:
    return values[0] if len(values) == 1 else list(values)
