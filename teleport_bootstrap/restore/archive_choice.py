"""Finds the archive that an argument names: the archive itself, or the newest one in a directory or prefix."""

from __future__ import annotations

import logging

from teleport_bootstrap import errors
from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup.stores import destination, store
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.instance import gather

logger = logging.getLogger(__name__)


def find(
    text: str, doors: gather.Doors, conf: conf_file.Conf | None, *, expected_owner: str | None = None
) -> interface.Source:
    """Return the archive that `text` names: a file, an S3 object, or the newest one of a directory or a prefix.

    In a place, a verified archive is preferred over a newer unverified one; archives of more than one host or cluster
    are an error. Raises UsageError, BackupMissing, and what the store raises.
    """
    found = destination.parse(text, doors.root)
    backups = destination.open_store(found, lambda: gather.aws(doors, conf), expected_owner=expected_owner)
    if found.name is not None:
        return backups.source(found.name)
    stored = backups.sources()
    if not stored:
        raise errors.BackupMissing(
            f"there is no backup in {backups.place}",
            hint="Name the archive itself; `teleport-bootstrap backup list` on the old host shows it.",
        )
    series = {each.parsed.series for each in stored}
    if len(series) > 1:
        newest = "\n".join(f"  {_newest(stored, one).place}" for one in sorted(series))
        raise errors.UsageError(
            f"{backups.place} holds backups of {len(series)} hosts; which one to restore is not clear:\n{newest}",
            hint="Name one of these archives. Nothing was changed.",
        )
    chosen = _newest(stored, series.pop())
    later = [each.name for each in stored if each.created > chosen.created]
    if later:
        logger.warning("choosing %s instead of %s, which is newer but not verified", chosen.place, ", ".join(later))
    return backups.source(chosen.name)


def _newest(stored: tuple[store.Stored, ...], series: tuple[str, str]) -> store.Stored:
    of_it = [each for each in stored if each.parsed.series == series]
    return max(of_it, key=lambda each: (each.verified, each.created, each.name))
