"""Whether each table exists, and can be used at the moment."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.aws.table_description import Table
from teleport_bootstrap.doctor import commands, denial
from teleport_bootstrap.doctor.check import TABLES, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.doctor.tables import conf_tables, table_kinds
from teleport_bootstrap.doctor.tables.table_kinds import TableKind
from teleport_bootstrap.finding import ERROR, NOTE, Finding

# While it is UPDATING, a table can be used.
_USABLE = ("ACTIVE", "UPDATING")
# The key that encrypts it cannot be used, DynamoDB API reference, TableDescription.
_NO_KEY = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"


def _check(kind: TableKind) -> Check:
    def run(subject: Subject) -> Iterator[Finding]:
        name = conf_tables.name(subject, kind)
        try:
            found = conf_tables.describe(subject, name)
        except errors.AwsDenied as denied:
            if kind is table_kinds.LOCKS:
                raise  # the lock itself needs only its item
            yield denial.finding(denied, "teleport")
            return
        if found is None:
            yield _missing(subject, kind, name)
        elif found.status not in _USABLE:
            yield _unusable(subject, kind, found)
        else:
            message = f"{name} exists, and is {found.status}"
            yield Finding(NOTE, "table-usable", name, message)

    looks_at = f"the table for {kind.holds}: whether it exists, and can be used"
    return Check(f"{kind.name}-table", TABLES, looks_at, run)


def _missing(subject: Subject, kind: TableKind, name: str) -> Finding:
    region = subject.region
    created = commands.quoted(*table_kinds.creation(kind, region, name))
    return Finding(
        ERROR,
        "table-missing",
        kind.variable.name,
        f"there is no DynamoDB table {name} in {region}, which {kind.variable.name} names",
        f"correct {kind.variable.name}, or create the table: {created}",
        conf_tables.place(subject, kind),
    )


def _unusable(subject: Subject, kind: TableKind, found: Table) -> Finding:
    region, name = subject.region, found.name
    message = f"the table {name} is {found.status}, and cannot be used"
    if found.status == _NO_KEY:
        key = found.key_arn or "KEY"
        message = f"the table {name} cannot be used, because the KMS key that encrypts it cannot: {key}"
        enabled = commands.aws(region, "kms", "enable-key", "--key-id", key)
        described = commands.aws(region, "kms", "describe-key", "--key-id", key)
        remedy = (
            f"look at the key with {commands.quoted(described)}, and enable it again with {commands.quoted(enabled)}"
        )
    else:
        waited = commands.aws(region, "dynamodb", "wait", "table-exists", "--table-name", name)
        remedy = f"wait until it is ACTIVE with {commands.quoted(waited)}; one that is deleted has to be created again"
    return Finding(ERROR, "table-unusable", name, message, remedy, conf_tables.place(subject, kind))


CHECKS = tuple(_check(kind) for kind in table_kinds.KINDS)
