"""The interface of a store of archives, and which of them are too old to keep."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Collection, Iterable

from teleport_bootstrap import errors, log
from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup.stores import names
from teleport_bootstrap.hints import Protocol
from teleport_bootstrap.records import dataclass

logger = log.Logger(__name__)


@dataclass(frozen=True)
class Stored:
    """An archive in a store, by its `name` there; `place` is its path or s3:// URL, `size` is in bytes.

    `verified`: it was verified after it had been written, has not changed since, and was not found damaged later. An
    archive whose verification was interrupted, or that was copied here, is unverified. `incomplete`: files that could
    not be read are missing in it; known of a verified archive only.
    """

    name: str
    place: str
    size: int
    verified: bool
    incomplete: bool = False

    @property
    def parsed(self) -> names.Name:
        """The parts of the name; a listing has only names that can be parsed."""
        found = names.parse(self.name)
        if found is None:
            raise ValueError(f"not the name of an archive: {self.name}")
        return found

    @property
    def created(self) -> datetime.datetime:
        """When it was made, in UTC."""
        return self.parsed.made


class Store(Protocol):
    """A place for archives. All methods raise FileTrouble and UntrustedPath (directory) or the errors of AWS (bucket).

    Only archives with generated names, and the notes about them, are ever listed or deleted.
    """

    @property
    def place(self) -> str:
        """Its name in messages: a path, or s3://bucket/prefix."""

    def writing(self, name: str) -> contextlib.AbstractContextManager[interface.Sink]:
        """Return a context manager that gives a sink for a new archive.

        After the body, `name` exists, complete and on the disk; nothing of it exists if the body raised or a signal
        ended the process. It is not `verified` yet. Raises BackupExists where `name` exists already.
        """

    def sources(self) -> tuple[Stored, ...]:
        """Return the archives in the order of their names; none where the place does not exist yet."""

    def source(self, name: str) -> interface.Source:
        """Return the archive `name`, which may be any name, for reading. Raises BackupMissing."""

    def mark_verified(self, name: str, *, incomplete: bool = False) -> None:
        """Mark `name`, as it is now, as verified, and as `incomplete` or not."""

    def mark_damaged(self, name: str) -> None:
        """Note that `name` was found damaged: it is no longer verified."""

    def delete(self, name: str) -> None:
        """Remove an archive and the note about it; a missing one is not an error."""

    def sweep(self, cluster: str, host: str) -> tuple[str, ...]:
        """Remove the unfinished files of killed runs of this host; return them for the log.

        Call it while no other backup of this host can run. What cannot be removed stays, with a line in the log.
        """


def newest_first(stored: Iterable[Stored]) -> list[Stored]:
    """Return the archives, the newest first."""
    return sorted(stored, key=lambda each: (each.created, each.name), reverse=True)


def to_remove(stored: Iterable[Stored], keep: int, *, spared: Collection[str] = ()) -> tuple[Stored, ...]:
    """Return those of `stored`, the archives of one host, to remove when `keep` are to stay, the oldest first.

    An archive is removed when there are `keep` newer verified ones that are complete; an incomplete one also when there
    are `keep` newer verified ones of any kind. So the newest complete one always stays, a damaged, unverified or
    incomplete archive never replaces a complete one, and incomplete ones do not fill the disk. Those named in `spared`
    stay. Raises UsageError where `keep` is less than one.
    """
    if keep < 1:
        raise errors.UsageError(f"--keep {keep} would keep nothing", hint="Keep at least one.")
    going = []
    newer_complete = newer_verified = 0
    for each in newest_first(stored):
        if (newer_verified if each.incomplete else newer_complete) >= keep and each.name not in spared:
            going.append(each)
        newer_complete += each.verified and not each.incomplete
        newer_verified += each.verified
    return tuple(reversed(going))


def remove_old(target: Store, name: str, keep: int) -> tuple[str, ...]:
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
