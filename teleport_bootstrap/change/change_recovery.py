"""Undoing a change of several files that somebody was killed in."""

from __future__ import annotations

import contextlib
import os

from teleport_bootstrap import paths
from teleport_bootstrap.change import change_journal
from teleport_bootstrap.host import directory, trouble


def recover(root: paths.Root) -> tuple[str, ...]:
    """Undo the change that a killed run has left half done, and return its paths; none where there was no such run.

    Call it only under the lock, before anything else. Undoing is always possible, because what was there is kept until
    the journal is gone; completing would not be, since nobody knows whether the rest is on the disk.
    """
    with trouble.at(root.path(paths.CHANGE_JOURNAL)):
        note = change_journal.read(root)
        if note is None:
            return ()
        for entry in reversed(note.entries):
            _put_back(root, entry)
        for owned in note.owned:
            _give_back(root, owned)
        change_journal.remove(root)
    return (*(entry.path for entry in note.entries), *(owned.path for owned in note.owned))


def _put_back(root: paths.Root, entry: change_journal.Entry) -> None:
    parent, name = os.path.split(entry.path)
    try:
        opened = directory.Directory(root.path(parent))
    except FileNotFoundError:
        return
    try:
        if entry.kept is not None and opened.exists(entry.kept):
            opened.rename(entry.kept, name)
            # Two names of one file: then rename does nothing, and the swap had not been made.
            if opened.exists(entry.kept):
                opened.unlink(entry.kept)
        elif entry.kept is None and _was_swapped(opened, entry) and opened.exists(name):
            opened.unlink(name)
        if entry.staged is not None and opened.exists(entry.staged):
            opened.unlink(entry.staged)
        opened.sync()
    finally:
        opened.close()


def _give_back(root: paths.Root, owned: change_journal.Owned) -> None:
    try:
        opened = directory.Directory(root.path(owned.path))
    except FileNotFoundError:
        return
    with contextlib.closing(opened):
        if os.geteuid() == 0:
            os.fchown(opened.descriptor, owned.uid, owned.gid)
        os.fchmod(opened.descriptor, owned.mode)


def _was_swapped(opened: directory.Directory, entry: change_journal.Entry) -> bool:
    return entry.staged is not None and not opened.exists(entry.staged)
