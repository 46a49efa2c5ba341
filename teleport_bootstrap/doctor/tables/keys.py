"""Whether the key of each table is the one that Teleport, or our lock, reads and writes items by."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.check import TABLES, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.doctor.tables import conf_tables, table_kinds
from teleport_bootstrap.doctor.tables.table_kinds import TableKind
from teleport_bootstrap.finding import ERROR, NOTE, Finding


def _check(kind: TableKind) -> Check:
    def run(subject: Subject) -> Iterator[Finding]:
        found = conf_tables.table(subject, kind)
        shown = table_kinds.key_text(found.keys)
        if found.keys == kind.keys:
            yield Finding(NOTE, "table-key", found.name, shown)
            return
        message = f"the table {found.name} has {shown}, and needs {table_kinds.key_text(kind.keys)}"
        remedy = f"a key cannot be changed: {_remedy(subject, kind, found.name)}"
        yield Finding(ERROR, "table-key-wrong", found.name, message, remedy, conf_tables.place(subject, kind))

    return Check(f"{kind.name}-key", TABLES, f"the key of the table for {kind.holds}, and the types of its parts", run)


def _remedy(subject: Subject, kind: TableKind, name: str) -> str:
    region = subject.region
    if not kind.lasts:
        named = ("--table-name", name)
        gone = commands.aws(region, "dynamodb", "delete-table", *named)
        waited = commands.aws(region, "dynamodb", "wait", "table-not-exists", *named)
        replaced = commands.quoted(gone, waited, *table_kinds.creation(kind, region, name))
        return f"replace the table, in which nothing lasts: {replaced}"
    other = f"{name}-2"
    created = commands.quoted(*table_kinds.creation(kind, region, other))
    return (
        f"create another table with {created}, set {kind.variable.name}={other} in {subject.conf.path} on all auth "
        "servers, and run `teleport-bootstrap reconfigure`"
    )


CHECKS = tuple(_check(kind) for kind in table_kinds.KINDS)
