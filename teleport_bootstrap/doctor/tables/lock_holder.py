"""Whether the lock of the auth servers can be taken: its item ends soon, and auth servers still take it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.cluster import lock, lock_item
from teleport_bootstrap.doctor import commands, denial
from teleport_bootstrap.doctor.check import TABLES, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.doctor.tables import conf_tables
from teleport_bootstrap.doctor.tables.table_kinds import LOCKS
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.host import clock

# It is taken for a quarter of an hour at once; more than an hour is a mistake.
_LONGEST_SECONDS = 3600.0
# Each auth server takes it once an hour, and releases it.
_IDLE_SECONDS = 3 * 3600.0
# The moment is not before the year 5000: milliseconds in the place of seconds.
_MILLISECONDS_FROM = 100_000_000_000


def _run(subject: Subject) -> Iterator[Finding]:
    name = conf_tables.name(subject, LOCKS)
    _require_key(subject)
    service = lock_item.Table(subject.aws.dynamodb, name, clock=lock.CLOCK)
    try:
        answer = service.read(seconds=subject.doors.wait_seconds)
    except errors.AwsDenied as denied:
        yield denial.finding(denied, "ours")
        return
    item = answer.item
    if item is None:
        yield Finding(NOTE, "lock-free", name, "no auth server holds it at the moment")
        return
    now = answer.moment.date
    holder = item.process or "an unknown host"
    if item.ends is None:
        message = f"the lock in the table {name} does not end at a number of seconds: no auth server can take it"
        yield Finding(ERROR, "lock-unreadable", name, message, _removal(subject, name))
    elif item.ends - now > _LONGEST_SECONDS:
        is_in_milliseconds = item.ends > _MILLISECONDS_FROM
        until = "for thousands of years" if is_in_milliseconds else f"until {clock.iso(item.ends)}"
        why = ", since its end is written in milliseconds instead of seconds" if is_in_milliseconds else ""
        message = (
            f"{holder} holds the lock in the table {name} {until}{why}: no other auth server can renew join tokens and "
            "certificates"
        )
        yield Finding(ERROR, "lock-too-long", name, message, _removal(subject, name))
    elif now - item.ends > _IDLE_SECONDS:
        message = (
            f"{holder} has held the lock in the table {name} until {clock.iso(item.ends)}, and no auth server has "
            "taken it since: join tokens and certificates are not renewed"
        )
        remedy = (
            "run `teleport-bootstrap publish-tokens --force` on an auth server, and look at its timers with `status`"
        )
        yield Finding(WARNING, "lock-idle", name, message, remedy)
    else:
        yield Finding(NOTE, "lock-held", name, f"{holder} holds it until {clock.iso(item.ends)}")


def _require_key(subject: Subject) -> None:
    """Raise Skipped where the table does not exist or has another key; another check is about these."""
    try:
        found = conf_tables.table(subject, LOCKS)
    except errors.AwsDenied:
        return  # the lock itself needs only its item
    if found.keys != LOCKS.keys:
        raise Skipped(f"the table {found.name} has another key, and this follows from it")


def _removal(subject: Subject, name: str) -> str:
    key = json.dumps({"Lock": {"S": lock_item.KEY}})
    removed = commands.aws(subject.region, "dynamodb", "delete-item", "--table-name", name, "--key", key)
    return f"run {commands.quoted(removed)}; the auth servers write it again, one after the other"


CHECK = Check("lock-item", TABLES, "the lock of the auth servers: who holds it, and until when", _run)
