"""The age of the newest verified backup."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors, unit_table
from teleport_bootstrap.doctor.backups import archives
from teleport_bootstrap.doctor.check import BACKUPS, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import NOTE, WARNING, Finding
from teleport_bootstrap.host import clock
from teleport_bootstrap.state import jobs

_OVERDUE_SECONDS = jobs.OVERDUE_PERIODS * jobs.TIMERS[jobs.BACKUP][1]
_DAILY = f"`systemctl enable --now {unit_table.BACKUP.timer}` makes one every day"


def _run(subject: Subject) -> Iterator[Finding]:
    archives.place(subject)
    try:
        found = archives.archives(subject)
    except (errors.AwsDenied, errors.BucketUnusable, errors.FileTrouble, errors.UntrustedPath):
        raise Skipped("the place of the backups cannot be read, and this follows from it") from None
    verified = next((each for each in found if each.verified), None)
    if verified is None:
        if subject.activated.deployment.dynamodb:
            raise Skipped("there is no backup of this host; the state of the cluster is in DynamoDB", _DAILY)
        what = f"{len(found)} backups, none of which is verified" if found else "no backup"
        message = f"there is {what}: the state of the cluster is on the disk of this host alone"
        yield Finding(WARNING, "backup-missing", "", message, f"run `teleport-bootstrap backup`; {_DAILY}")
        return
    age = clock.SYSTEM.wall() - verified.created.timestamp()
    made = f"made {verified.created.isoformat(timespec='seconds')}"
    if age > _OVERDUE_SECONDS:
        message = f"the newest verified backup, {verified.place}, was {made}"
        yield Finding(WARNING, "backup-old", verified.place, message, f"run `teleport-bootstrap backup`; {_DAILY}")
    elif verified.incomplete:
        message = (
            f"the newest verified backup, {verified.place}, is incomplete: files that could not be read are missing"
        )
        yield Finding(WARNING, "backup-incomplete", verified.place, message, "run `teleport-bootstrap backup` again")
    else:
        yield Finding(NOTE, "backup-age", verified.place, made)


CHECK = Check("backup-age", BACKUPS, "the newest verified backup, and its age", _run)
