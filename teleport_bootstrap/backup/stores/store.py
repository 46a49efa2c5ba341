"""The interface of a store of archives."""

from __future__ import annotations

import contextlib
import datetime
from dataclasses import dataclass
from typing import Protocol

from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup.stores import names


@dataclass(frozen=True)
class Stored:
    """An archive in a store, by its `name` there; `place` is its path or s3:// URL, `size` is in bytes.

    `verified`: it was verified after it had been written, has not changed since, and was not found damaged later. An
    archive whose verification was interrupted, or that was copied here, is unverified.
    """

    name: str
    place: str
    size: int
    verified: bool

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

    def mark_verified(self, name: str) -> None:
        """Mark `name`, as it is now, as verified."""

    def mark_damaged(self, name: str) -> None:
        """Note that `name` was found damaged: it is no longer verified."""

    def delete(self, name: str) -> None:
        """Remove an archive and the note about it; a missing one is not an error."""

    def sweep(self, cluster: str, host: str) -> tuple[str, ...]:
        """Remove the unfinished files of killed runs of this host; return them for the log.

        Call it while no other backup of this host can run. What cannot be removed stays, with a line in the log.
        """
