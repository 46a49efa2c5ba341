"""The note that a change of several files leaves while it is under way, so that a killed one can be undone."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.host import directory

_STATE, _NAME = os.path.split(paths.CHANGE_JOURNAL)


@dataclass(frozen=True)
class Entry:
    """One file of the change: its path, and the names in its directory of what replaces it and of what it was."""

    path: str
    staged: str | None
    kept: str | None


@dataclass(frozen=True)
class Owned:
    """A directory that gets another owner or mode in the change, with those it had."""

    path: str
    uid: int
    gid: int
    mode: int


@dataclass(frozen=True)
class Note:
    """The whole change."""

    entries: tuple[Entry, ...]
    owned: tuple[Owned, ...] = ()


def write(root: paths.Root, note: Note) -> None:
    """Leave the note, on the disk, before anything is swapped. Raises OSError."""
    content = json.dumps(
        {"changes": [asdict(each) for each in note.entries], "directories": [asdict(each) for each in note.owned]}
    ).encode()
    staged = f".{_NAME}.{secrets.token_hex(8)}.teleport-bootstrap-new"
    with contextlib.closing(directory.Directory(root.path(_STATE))) as state:
        state.create(staged, content, mode=0o600, uid=-1, gid=-1)
        state.rename(staged, _NAME)
        state.sync()


def read(root: paths.Root) -> Note | None:
    """Return the note of a change that was never finished; None where there is none.

    Raises OSError, and FileTrouble where the note itself cannot be read, which no run of ours leaves behind.
    """
    try:
        state = directory.Directory(root.path(_STATE))
    except FileNotFoundError:
        return None
    with contextlib.closing(state):
        found = state.read(_NAME)
    if found is None:
        return None
    try:
        data: Any = json.loads(found.content)
        return Note(
            tuple(Entry(each["path"], each["staged"], each["kept"]) for each in data["changes"]),
            tuple(Owned(**each) for each in data.get("directories", ())),
        )
    except (ValueError, KeyError, TypeError):
        raise errors.FileTrouble(
            f"{root.path(paths.CHANGE_JOURNAL)} is damaged, so an interrupted change cannot be undone",
            hint=f"Look at the files beside /etc/teleport.yaml, put them right by hand, and remove {_NAME}.",
        ) from None


def remove(root: paths.Root) -> None:
    """Take the note away, for good: from now on the change counts as made. Raises OSError."""
    with contextlib.closing(directory.Directory(root.path(_STATE))) as state:
        state.unlink(_NAME)
        state.sync()
