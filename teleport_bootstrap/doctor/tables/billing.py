"""Whether the tables have room for more requests than usual: on demand, or with automatic scaling.

Where they have not, DynamoDB refuses requests as soon as there are more of them, and Teleport slows down or stops.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.aws.scaling import READS, WRITES
from teleport_bootstrap.aws.table_description import ON_DEMAND, Table
from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.check import TABLES, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.doctor.tables import conf_tables
from teleport_bootstrap.finding import NOTE, WARNING, Finding


def _run(subject: Subject) -> Iterator[Finding]:
    tables = {}
    for kind in conf_tables.all_names(subject):
        try:
            tables[kind] = conf_tables.table(subject, kind)
        except (Skipped, errors.AwsDenied):
            continue  # the check of the table itself is about that
    if not tables:
        raise Skipped("the tables cannot be described, and this follows from it")
    fixed = [each for each in tables.values() if each.billing_mode != ON_DEMAND]
    scaled = subject.aws.scaling.dimensions([each.name for each in fixed]) if fixed else {}
    for kind, table in tables.items():
        if table in fixed and scaled.get(table.name, frozenset()) < {READS, WRITES}:
            yield Finding(
                WARNING,
                "table-capacity-fixed",
                table.name,
                f"{_units(table)} without automatic scaling: Teleport slows down or stops when it needs more",
                f"run {commands.quoted(_on_demand(subject, table))}",
                conf_tables.place(subject, kind),
            )
    shown = ", ".join(
        f"{each.name} {'with automatic scaling' if each in fixed else 'on demand'}" for each in tables.values()
    )
    yield Finding(NOTE, "table-capacity", "", shown)


def _units(table: Table) -> str:
    return f"the table {table.name} has {table.read_units} read units and {table.write_units} write units"


def _on_demand(subject: Subject, table: Table) -> str:
    words = ("update-table", "--table-name", table.name, "--billing-mode", ON_DEMAND)
    return commands.aws(subject.region, "dynamodb", *words)


CHECK = Check(
    "tables-capacity", TABLES, "whether the tables take as many requests as come, and not a fixed number", _run
)
