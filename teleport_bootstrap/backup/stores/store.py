"""What every store of archives can do."""

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

    `verified`: it was read back after it had been written and was good, and has not changed since, nor been found
    damaged. An archive whose writing or verifying was cut short, and one that somebody has copied here, is not.
    """

    name: str
    place: str
    size: int
    verified: bool

    @property
    def said(self) -> names.Name:
        """What the name says; in a listing every name says something."""
        found = names.parse(self.name)
        if found is None:
            raise ValueError(f"not the name of an archive: {self.name}")
        return found

    @property
    def made(self) -> datetime.datetime:
        """When it was made, in UTC."""
        return self.said.made


class Store(Protocol):
    """A place for archives. All methods raise FileTrouble and UntrustedPath (directory) or the errors of AWS (bucket).

    Nothing but archives, by their name, and what belongs to them is ever listed or deleted.
    """

    @property
    def place(self) -> str:
        """What messages call it: a path, or s3://bucket/prefix."""

    def writing(self, name: str) -> contextlib.AbstractContextManager[interface.Sink]:
        """Return a context manager that gives a sink for a new archive.

        `name` is there, whole and on the disk, when the body has ended well; not a trace of it when the body raised, or
        the process was told to end meanwhile. It is not `verified` yet. Raises BackupExists where it is there already.
        """

    def sources(self) -> tuple[Stored, ...]:
        """Return the archives that are here, in the order of their names; none where the place does not exist yet."""

    def source(self, name: str) -> interface.Source:
        """Return the archive `name`, whatever it is called, to be read. Raises BackupMissing."""

    def mark_verified(self, name: str) -> None:
        """Note that `name`, as it is now, was read back and is good."""

    def mark_damaged(self, name: str) -> None:
        """Note that `name` was found damaged: it does not count as verified any more."""

    def delete(self, name: str) -> None:
        """Remove an archive and the note about it; one that is not there is no error."""

    def sweep(self, cluster: str, host: str) -> tuple[str, ...]:
        """Remove what killed runs of this host have left half written, and return what that was, for the log.

        Call it where no other backup of this host can be at work. What cannot be swept stays, with a line in the log.
        """
