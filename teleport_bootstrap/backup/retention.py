"""Removing old archives."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from teleport_bootstrap import errors
from teleport_bootstrap.backup import archive_table
from teleport_bootstrap.backup.stores import names, store

logger = logging.getLogger(__name__)


def to_remove(stored: Iterable[store.Stored], keep: int, *, spared: Collection[str] = ()) -> tuple[store.Stored, ...]:
    """Return those of `stored`, the archives of one host, to remove when `keep` are to stay, the oldest first.

    An archive is removed when there are `keep` newer verified ones. So the newest verified one always stays, and a
    damaged or unverified archive never replaces a verified one. Those named in `spared` stay. Raises UsageError where
    `keep` is less than one.
    """
    if keep < 1:
        raise errors.UsageError(f"--keep {keep} would keep nothing", hint="Keep at least one.")
    going = []
    newer_and_good = 0
    for each in archive_table.newest_first(stored):
        if newer_and_good >= keep and each.name not in spared:
            going.append(each)
        newer_and_good += each.verified
    return tuple(reversed(going))


def apply(target: store.Store, name: str, keep: int) -> tuple[str, ...]:
    """Remove old archives of the host of the new archive `name`, see `to_remove`; return their places.

    Removes nothing where `name` was chosen by the operator. An archive that cannot be removed is logged: the new backup
    is good all the same. Raises UsageError, and what Store.sources raises.
    """
    parsed = names.parse(name)
    if parsed is None:
        return ()
    series = [each for each in target.sources() if each.parsed.series == parsed.series]
    gone = []
    for each in to_remove(series, keep, spared=(name,)):
        try:
            target.delete(each.name)
        except errors.BootstrapError as error:
            logger.warning("%s is old and could not be removed: %s", each.place, error.message)
            break  # the others would fail for the same reason
        gone.append(each.place)
    return tuple(gone)
