"""What a restore has put aside, and putting it back: whole, as one step, and back again if need be."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import change_journal, changeset, exchange
from teleport_bootstrap.host import directory, systemd
from teleport_bootstrap.state import current

logger = logging.getLogger(__name__)

# What directories are called that are being made, that a restore has put aside, and that an undo has.
NEW, OLD, UNDONE = WORDS = ("restoring", "before-restore", "before-undo")


@dataclass(frozen=True)
class Aside:
    """A directory `target`, and where what was there is `kept`; `had` is false where there was nothing."""

    target: str
    kept: str
    had: bool


@dataclass(frozen=True)
class Undo:
    """Everything that leads back: directories put aside, files as they were (None: not there), owners, units.

    `made_at` is ISO 8601 in UTC, `what` says in words what is undone. `files` include secrets, as the files themselves
    do; the record has their modes. `process_id` is the Teleport that ran.
    """

    what: str
    made_at: str
    aside: tuple[Aside, ...] = ()
    files: Mapping[str, directory.Found | None] = field(default_factory=dict)
    owned: tuple[change_journal.Owned, ...] = ()
    units: Mapping[str, systemd.State] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Undo({self.what})"


def stamp(root: paths.Root, targets: Iterable[str]) -> str:
    """Return what tells the directories of one restore from another's: the time, in UTC, and a number if need be."""
    tops = [*targets, paths.DATA]
    time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    number = 1
    while True:
        name = time if number == 1 else f"{time}-{number}"
        places = [exchange.place(root, top, word, name) for top in tops for word in WORDS]
        if not any(os.path.lexists(root.path(exchange.goes_with(each))) for each in places):
            return name
        number += 1


def now() -> str:
    """Return the time as records have it."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def stage(
    changes: changeset.Changeset, what: str, swaps: Iterable[exchange.Swap], units: Mapping[str, systemd.State]
) -> Undo:
    """Make the way back a part of `changes`, which hold everything else by now, and return it. Raises FileTrouble."""
    root = changes.root
    swapped = tuple(swaps)

    def is_swapped(path: str) -> bool:
        return any(path == each.target or path.startswith(f"{each.target}/") for each in swapped)

    try:
        files = {path: directory.read(root, path) for path in changes.changed if not is_swapped(path)}
    except OSError as error:
        raise errors.FileTrouble(f"what is there cannot be read: {error.strerror}", hint="Run as root.") from None
    made = Undo(
        what=what,
        made_at=now(),
        aside=tuple(Aside(each.target, each.kept, os.path.lexists(root.path(each.kept))) for each in swapped),
        files={path: found for path, found in files.items() if path != paths.RESTORE_UNDO},
        owned=tuple(each for each in changes.owned if not is_swapped(each.path) or _is_mount(swapped, each.path)),
        units=dict(units),
    )
    changes.write(paths.RESTORE_UNDO, _content(made), mode=0o600, owner="root", group="root")
    return made


def _is_mount(swapped: tuple[exchange.Swap, ...], path: str) -> bool:
    """Whether `path` is a mount point, which stays while its entries are exchanged."""
    return any(each.is_mount and path == each.target for each in swapped)


def read(root: paths.Root) -> Undo | None:
    """Return the way back from the last restore, None without one. Raises FileTrouble where it cannot be read."""
    shown = root.path(paths.RESTORE_UNDO)
    try:
        found = directory.read(root, paths.RESTORE_UNDO)
    except OSError as error:
        raise errors.FileTrouble(f"{shown} cannot be read: {error.strerror}", hint="Run as root.") from None
    if found is None:
        return None
    try:
        return _from_data(json.loads(found.content))
    except (ValueError, KeyError, TypeError):
        raise errors.FileTrouble(
            f"{shown} is damaged, so what the last restore put aside cannot be put back by itself",
            hint="It is in the directories whose names end in .before-restore-*, beside those that it was in.",
        ) from None


def put_back(root: paths.Root, made: Undo, *, word: str, confirmed: bool, stood: Mapping[str, systemd.State]) -> Undo:
    """Let everything be as `made` has it, as one step, and return the way back from that.

    What is there now is put aside, under names with `word`. `confirmed` says whether Teleport need not be looked at
    again, `stood` how the units stood before all this. Raises FileTrouble, and then nothing has changed.
    """
    name = stamp(root, [each.target for each in made.aside])
    swaps = tuple(
        exchange.swap(root, each.target, each.kept if each.had else None, exchange.place(root, each.target, word, name))
        for each in made.aside
    )
    try:
        exchange.prepare(root, (), writing=list(made.files))
        exchange.carry_out(root, swaps)
        with changeset.Changeset(root) as changes:
            for path, found in made.files.items():
                changes.restore(path, _unconfirmed(found) if path == paths.CURRENT and not confirmed else found)
            for each in made.owned:
                changes.restore_directory(each)
            back = stage(changes, f"the undoing of {made.what}", swaps, stood)
            exchange.conclude(changes, [unit for unit, state in made.units.items() if state.active == "active"])
            changes.commit()
    except BaseException:
        exchange.recover(root)
        raise
    exchange.finish(root)
    current.settle(root)
    return back


def _unconfirmed(found: directory.Found | None) -> directory.Found | None:
    """Return what says which generation is current, with the note that nobody has seen Teleport well with it since."""
    if found is None:
        return None
    try:
        data = {**json.loads(found.content), "confirmed": False}
    except ValueError:
        return found
    return dataclasses.replace(found, content=json.dumps(data, indent=1).encode() + b"\n")


def discard(root: paths.Root, made: Undo) -> tuple[str, ...]:
    """Remove what was put aside, for good, and return where it was. Raises FileTrouble."""
    removed = []
    # The record first: what is half removed cannot be put back.
    with changeset.Changeset(root) as changes:
        changes.remove(paths.RESTORE_UNDO)
        changes.commit()
    for each in made.aside:
        if os.path.lexists(root.path(each.kept)):
            removed.append(root.path(each.kept))
            exchange.remove(root, exchange.goes_with(each.kept))
    return tuple(removed)


def _content(made: Undo) -> bytes:
    data = {
        "what": made.what,
        "made_at": made.made_at,
        "aside": [asdict(each) for each in made.aside],
        "files": {path: _file_data(found) for path, found in made.files.items()},
        "owned": [asdict(each) for each in made.owned],
        "units": {unit: asdict(state) for unit, state in made.units.items()},
    }
    return json.dumps(data, indent=1).encode()


def _file_data(found: directory.Found | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {**asdict(found), "content": base64.b64encode(found.content).decode()}


def _from_data(data: Any) -> Undo:
    return Undo(
        what=str(data["what"]),
        made_at=str(data["made_at"]),
        aside=tuple(Aside(**each) for each in data["aside"]),
        files={path: _file(each) for path, each in data["files"].items()},
        owned=tuple(change_journal.Owned(**each) for each in data["owned"]),
        units={unit: systemd.State(**state) for unit, state in data["units"].items()},
    )


def _file(data: Any) -> directory.Found | None:
    return None if data is None else directory.Found(**{**data, "content": base64.b64decode(data["content"])})


def keep(root: paths.Root, made: Undo) -> None:
    """Let `made` be the way back again, after what came later was undone. Raises FileTrouble."""
    with changeset.Changeset(root) as changes:
        changes.write(paths.RESTORE_UNDO, _content(made), mode=0o600, owner="root", group="root")
        changes.commit()
