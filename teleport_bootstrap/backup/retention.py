"""Which archives go, so that there are not more and more of them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from teleport_bootstrap import errors
from teleport_bootstrap.backup.stores import names, store

logger = logging.getLogger(__name__)


def to_remove(stored: Iterable[store.Stored], keep: int, *, spared: Collection[str] = ()) -> tuple[store.Stored, ...]:
    """Return those of `stored`, the archives of one host, that go where `keep` of them are to stay, the oldest first.

    An archive goes when there are `keep` newer ones that are verified. So the newest verified ones stay, at least one;
    one that is damaged, or whose verifying was cut short, never takes the place of a good one, and stays as long as it
    is newer than those. Those named in `spared` stay. Raises UsageError where `keep` is less than one.
    """
    if keep < 1:
        raise errors.UsageError(f"--keep {keep} would keep nothing", hint="Keep one at least.")
    going = []
    newer_and_good = 0
    for each in sorted(stored, key=lambda one: (one.made, one.name), reverse=True):
        if newer_and_good >= keep and each.name not in spared:
            going.append(each)
        newer_and_good += each.verified
    return tuple(reversed(going))


def apply(where_to: store.Store, name: str, keep: int) -> tuple[str, ...]:
    """Remove from a store what `to_remove` says of the archives of the host that `name`, just made, is of.

    Return the places of those that went; none where `name` is not one of our names. One that cannot be removed is
    logged: the backup itself is good. Raises UsageError, and what Store.sources raises.
    """
    ours = names.parse(name)
    if ours is None:
        return ()
    series = [each for each in where_to.sources() if each.said.series == ours.series]
    gone = []
    for each in to_remove(series, keep, spared=(name,)):
        try:
            where_to.delete(each.name)
        except errors.BootstrapError as error:
            logger.warning("%s should have been removed, and stays: %s", each.place, error.message)
            break  # what keeps this one from being removed keeps the others too
        gone.append(each.place)
    return tuple(gone)
