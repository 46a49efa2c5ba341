"""Chooses the newest archive of a store that can be relied on."""

from __future__ import annotations

from collections.abc import Iterable

from teleport_bootstrap import errors, log
from teleport_bootstrap.backup.stores import store

logger = log.Logger(__name__)


def choose(backups: store.Store) -> store.Stored:
    """Return the newest archive of `backups`.

    A verified archive is preferred over a newer unverified one, and a complete one over an incomplete one; a warning
    names what is newer. Raises BackupMissing without any archive, UsageError where they are of more than one host or
    cluster, and what the store raises.
    """
    stored = backups.sources()
    if not stored:
        raise errors.BackupMissing(
            f"there is no backup in {backups.place}",
            hint="Name the archive itself, which `teleport-bootstrap backup list` on the old host shows; or make one "
            "with `teleport-bootstrap backup`, on the host that is to be backed up.",
        )
    series = {each.parsed.series for each in stored}
    if len(series) > 1:
        newest = [_of_series(stored, one).place for one in sorted(series)]
        raise errors.UsageError(
            f"{backups.place} holds backups of {len(series)} hosts; which one is meant is not clear:",
            lines=newest,
            hint="Name one of these archives. Nothing was changed.",
        )
    chosen = _of_series(stored, series.pop())
    later = [each.name for each in stored if each.created > chosen.created]
    if later:
        why = "newer but not verified, or incomplete"
        logger.warning("choosing %s instead of %s, which is %s", chosen.place, ", ".join(later), why)
    return chosen


def _of_series(stored: Iterable[store.Stored], series: tuple[str, str]) -> store.Stored:
    of_it = [each for each in stored if each.parsed.series == series]
    return max(of_it, key=lambda each: (each.verified and not each.incomplete, each.verified, each.created, each.name))
