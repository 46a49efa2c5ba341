"""A host as it was before a change: the directories that were moved away, files, owners and units."""

from __future__ import annotations

import os
from collections.abc import Mapping

from teleport_bootstrap import paths
from teleport_bootstrap.hints import Optional
from teleport_bootstrap.host import directory, systemd
from teleport_bootstrap.records import dataclass, field
from teleport_bootstrap.state import state_file

# The states of units by name.
Units = Mapping[str, systemd.State]


@dataclass(frozen=True)
class MovedDirectory:
    """What was at `target` is at `kept`; `had` is false where nothing was there."""

    target: str
    kept: str
    had: bool


@dataclass(frozen=True)
class Owner:
    """Owner and mode of the directory at `path`."""

    path: str
    uid: int
    gid: int
    mode: int

    @classmethod
    def of_directory(cls, path: str, opened: directory.Directory) -> Owner:
        """Return owner and mode of the directory that is `opened` at `path`."""
        facts = os.fstat(opened.descriptor)
        return cls(path, facts.st_uid, facts.st_gid, facts.st_mode & 0o7777)


@dataclass(frozen=True)
class PreviousState:
    """Everything that leads back: moved directories, files as they were (None: absent), owners, and units.

    `what` names the change, `made_at` is ISO 8601 in UTC. `files` include secrets, as the files themselves do.
    `outdated` are paths of what earlier restores replaced, which nothing leads back to any more: to be removed.
    """

    what: str
    made_at: str
    moved: tuple[MovedDirectory, ...] = ()
    files: Mapping[str, Optional[directory.Found]] = field(default_factory=dict)
    owners: tuple[Owner, ...] = ()
    units: Mapping[str, systemd.State] = field(default_factory=dict)
    outdated: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"PreviousState({self.what})"


# What the last restore replaced; `restore --undo` restores it.
UNDO: state_file.StateFile[PreviousState] = state_file.StateFile(
    paths.RESTORE_UNDO,
    PreviousState,
    unknown="the last restore cannot be undone automatically",
    hint="What it replaced is in the directories named *.before-restore-*, beside those that took its place.",
)
