"""Whether the table of events has the index by which Teleport searches the audit log."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.aws.table_description import ON_DEMAND, Index, Table
from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.check import TABLES, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.doctor.tables import conf_tables, table_kinds
from teleport_bootstrap.doctor.tables.table_kinds import EVENTS
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding


def _run(subject: Subject) -> Iterator[Finding]:
    table = conf_tables.table(subject, EVENTS)
    wanted = EVENTS.index
    assert wanted is not None  # noqa: S101 - the table of kinds
    found = next((each for each in table.indexes if each.name == wanted.name), None)
    wrong = "" if found is None else ", ".join(_differences(found, wanted))
    place = conf_tables.place(subject, EVENTS)
    if found is None or wrong:
        is_missing = f"the table {table.name} has no index {wanted.name}"
        message = is_missing if found is None else f"the index {wanted.name} of the table {table.name} has {wrong}"
        remedy = f"run {commands.quoted(*_commands(subject, table, wanted, replaces=found is not None))}"
        yield Finding(
            ERROR, "table-index-wrong", table.name, f"{message}: Teleport cannot search the audit log", remedy, place
        )
    elif found.status != wanted.status:
        message = (
            f"the index {wanted.name} of the table {table.name} is {found.status}: a search does not find everything"
        )
        waited = commands.aws(subject.region, "dynamodb", "describe-table", "--table-name", table.name)
        remedy = f"wait until {commands.quoted(waited)} shows it as ACTIVE"
        yield Finding(WARNING, "table-index-building", table.name, message, remedy, place)
    else:
        yield Finding(NOTE, "table-index", table.name, f"{wanted.name}: {table_kinds.key_text(found.keys)}")


def _differences(found: Index, wanted: Index) -> Iterator[str]:
    if found.keys != wanted.keys:
        yield f"{table_kinds.key_text(found.keys)}, and needs {table_kinds.key_text(wanted.keys)}"
    if found.projection != wanted.projection:
        yield f"the projection {found.projection}, and needs {wanted.projection}"


def _commands(subject: Subject, table: Table, wanted: Index, *, replaces: bool) -> Iterator[str]:
    named = ("--table-name", table.name)
    if replaces:
        gone = f"Delete={{IndexName={wanted.name}}}"
        yield commands.aws(subject.region, "dynamodb", "update-table", *named, "--global-secondary-index-updates", gone)
        yield commands.aws(subject.region, "dynamodb", "wait", "table-exists", *named)
    units = None if table.billing_mode == ON_DEMAND else (table.read_units, table.write_units)
    made = f"Create={{{table_kinds.index_text(wanted, units)}}}"
    options = ("--attribute-definitions", *table_kinds.attributes((*table.keys, *wanted.keys)))
    words = ("update-table", *named, *options, "--global-secondary-index-updates", made)
    yield commands.aws(subject.region, "dynamodb", *words)


CHECK = Check("events-index", TABLES, "the index by which Teleport searches the audit log", _run)
