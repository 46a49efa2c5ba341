"""Whether the table of the state has the stream by which auth servers learn what others have changed.

Teleport switches a missing stream on when it starts, for which our policy gives it no permission, and takes an enabled
one as it is (lib/backend/dynamo, TurnOnStreams). It reads the new images of items only (shards.go, toEvent).
"""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.aws.table_description import Table
from teleport_bootstrap.doctor import commands
from teleport_bootstrap.doctor.check import TABLES, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.doctor.tables import conf_tables
from teleport_bootstrap.doctor.tables.table_kinds import NEW_IMAGE, STATE
from teleport_bootstrap.finding import ERROR, NOTE, Finding

# Global tables have the second one.
_WITH_NEW_IMAGES = (NEW_IMAGE, "NEW_AND_OLD_IMAGES")


def _run(subject: Subject) -> Iterator[Finding]:
    found = conf_tables.table(subject, STATE)
    if found.stream in _WITH_NEW_IMAGES:
        yield Finding(NOTE, "table-stream", found.name, f"a stream of {found.stream}")
        return
    has = f"a stream of {found.stream}" if found.stream else "no stream"
    message = f"the table {found.name} has {has}, and Teleport needs one of {NEW_IMAGE}"
    yield Finding(
        ERROR,
        "table-stream-wrong",
        found.name,
        message,
        f"run {commands.quoted(*_commands(subject, found))}, then restart Teleport on the auth servers, one after "
        "the other",
        conf_tables.place(subject, STATE),
    )


def _commands(subject: Subject, found: Table) -> Iterator[str]:
    """Yield what switches the stream on; its view cannot be changed, so that another one is switched off before."""
    named = ("--table-name", found.name)
    option = "--stream-specification"
    if found.stream:
        yield commands.aws(subject.region, "dynamodb", "update-table", *named, option, "StreamEnabled=false")
        yield commands.aws(subject.region, "dynamodb", "wait", "table-exists", *named)
    wanted = f"StreamEnabled=true,StreamViewType={NEW_IMAGE}"
    yield commands.aws(subject.region, "dynamodb", "update-table", *named, option, wanted)


CHECK = Check("state-stream", TABLES, "the stream of the table for the state of the cluster", _run)
