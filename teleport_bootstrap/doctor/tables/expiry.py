"""Whether DynamoDB removes what has expired, by the attribute that Teleport writes.

Teleport switches expiry on when it starts, for which our policy gives it no permission, and takes an enabled one as it
is, whatever its attribute (lib/backend/dynamo, TurnOnTimeToLive). It does not show expired items, but only DynamoDB
removes them.
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.doctor import commands, denial
from teleport_bootstrap.doctor.check import TABLES, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.doctor.tables import conf_tables, table_kinds
from teleport_bootstrap.doctor.tables.table_kinds import EXPIRY, TableKind
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding

_ON = ("ENABLED", "ENABLING")


def _check(kind: TableKind) -> Check:
    def run(subject: Subject) -> Iterator[Finding]:
        name = conf_tables.table(subject, kind).name
        try:
            found = subject.aws.table_descriptions.time_to_live(name)
        except errors.AwsDenied as denied:
            yield denial.finding(denied, "teleport")
            return
        place = conf_tables.place(subject, kind)
        on = table_kinds.expiry_command(subject.region, name, EXPIRY)
        if found is None or found.status not in _ON:
            message = f"items of the table {name} do not expire, and Teleport does not start without"
            yield Finding(ERROR, "table-expiry-off", name, message, f"run {commands.quoted(on)}", place)
        elif found.attribute != EXPIRY:
            message = (
                f"items of the table {name} expire by {found.attribute}, and Teleport writes {EXPIRY}: "
                "what has expired stays, and the table grows"
            )
            off = table_kinds.expiry_command(subject.region, name, found.attribute, enabled=False)
            remedy = f"run {commands.quoted(off)}, and an hour later {commands.quoted(on)}"
            yield Finding(WARNING, "table-expiry-wrong", name, message, remedy, place)
        else:
            yield Finding(NOTE, "table-expiry", name, f"items expire by {EXPIRY}")

    looks_at = f"whether what has expired is removed from the table for {kind.holds}"
    return Check(f"{kind.name}-expiry", TABLES, looks_at, run)


CHECKS = tuple(_check(kind) for kind in table_kinds.KINDS if kind.expires)
