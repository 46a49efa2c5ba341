"""Whether what lasts in the tables can be restored as of any moment."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.check import TABLES, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.doctor.tables import conf_tables, table_kinds
from teleport_bootstrap.finding import NOTE, WARNING, Finding


def _run(subject: Subject) -> Iterator[Finding]:
    named = {kind: name for kind, name in conf_tables.all_names(subject).items() if kind.lasts}
    if not named:
        raise Skipped("nothing that lasts is in DynamoDB")
    service = subject.aws.table_descriptions
    answers = {name: service.recovery(name) for name in named.values()}
    found = {name: answer for name, answer in answers.items() if answer is not None}
    if not found:
        raise Skipped("the tables do not exist")
    for kind, name in named.items():
        if name in found and not found[name].enabled:
            yield Finding(
                WARNING,
                "table-recovery-off",
                name,
                f"the table {name} has no point-in-time recovery: what is deleted by mistake is lost",
                f"run {commands.quoted(table_kinds.recovery_command(subject.region, name))}",
                conf_tables.place(subject, kind),
            )
    yield Finding(NOTE, "table-recovery", "", f"on for {', '.join(found)}")


CHECK = Check("tables-recovery", TABLES, "point-in-time recovery of the tables for the state and the audit log", _run)
