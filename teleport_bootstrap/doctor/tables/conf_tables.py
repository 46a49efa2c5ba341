"""The tables that the conf of this host names, each described once for all checks."""

from __future__ import annotations

from teleport_bootstrap import errors
from teleport_bootstrap.aws.table_description import Table
from teleport_bootstrap.conf import deployment
from teleport_bootstrap.doctor.check import Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.doctor.tables.table_kinds import EVENTS, KINDS, LOCKS, TableKind
from teleport_bootstrap.finding import Place


def name(subject: Subject, kind: TableKind) -> str:
    """Return the name of the table. Raises Skipped where this host uses none of this kind."""
    decided = subject.activated.deployment
    if not decided.role.runs_auth:
        raise Skipped(f"the role {decided.role.value} uses no tables")
    if kind is EVENTS and decided.dynamodb and deployment.DYNAMODB not in decided.event_stores:
        raise Skipped("the audit log is in Athena alone")
    found = subject.conf.value(kind.variable)
    if found is None:
        raise Skipped(f"{kind.variable.name} is not set")
    if kind is not LOCKS and not decided.dynamodb:
        raise Skipped("the state of the cluster is on the disk of this host")
    return found


def table(subject: Subject, kind: TableKind) -> Table:
    """Return the table. Raises Skipped where this host uses none of this kind, or it does not exist."""
    named = name(subject, kind)
    try:
        found = describe(subject, named)
    except errors.AwsDenied:
        if kind is LOCKS:
            raise
        raise Skipped(f"this host may not describe the table {named}, and this follows from it") from None
    if found is None:
        raise Skipped(f"the table {named} does not exist")
    return found


def describe(subject: Subject, named: str) -> Table | None:
    """Return the table, None where there is none. Raises what AWS raises."""
    return subject.once(("table", named), lambda: subject.aws.table_descriptions.describe(named))


def all_names(subject: Subject) -> dict[TableKind, str]:
    """Return the names of the tables of this host. Raises Skipped where it uses none."""
    found = {}
    reason = ""
    for kind in KINDS:
        try:
            found[kind] = name(subject, kind)
        except Skipped as skipped:
            reason = reason or skipped.reason
    if not found:
        raise Skipped(reason)
    return found


def place(subject: Subject, kind: TableKind) -> Place:
    """Return the line of the conf that names the table."""
    return Place(subject.conf.path, subject.conf.line(kind.variable))
