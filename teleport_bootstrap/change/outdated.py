"""What earlier restores replaced, once a later one has taken their place in the record of what can be undone.

The record itself names it, as one step with the restore: a run that is killed before it is removed leaves that to the
next command, and no copy of the data, with its keys, is forgotten.
"""

from __future__ import annotations

import os

from teleport_bootstrap import errors, paths, records
from teleport_bootstrap.change import directory_swap
from teleport_bootstrap.host import directory
from teleport_bootstrap.state.previous_state import UNDO, PreviousState


def replaced_paths(earlier: PreviousState | None) -> tuple[str, ...]:
    """Return the paths that nothing needs any more once the record `earlier` is replaced."""
    if earlier is None:
        return ()
    return (*earlier.outdated, *(directory_swap.container(each.kept) for each in earlier.moved))


def remove(root: paths.Root) -> tuple[str, ...]:
    """Remove what is outdated; return what could not be removed, in words. The next command tries that again.

    Call it only under the lock, and with no restore on trial: going back from that needs what its record calls
    outdated.
    """
    record = UNDO.read_or_warn(root)
    if record is None or not record.outdated:
        return ()
    notes, left = [], []
    needed = {directory_swap.container(each.kept) for each in record.moved}
    for path in record.outdated:
        if path in needed:
            continue
        try:
            directory_swap.remove(root, path)
            # On the disk before the record, which alone knows of it, is written without it.
            parent = os.path.dirname(root.path(path))
            with errors.file_trouble_at(parent):
                directory.sync(parent)
        except errors.FileTrouble as error:
            left.append(path)
            notes.append(
                f"{error.message}: this is what an earlier restore replaced, with its keys, and no undo needs it any "
                f"more. Find out why; the next command tries again, or `rm -rf {root.path(path)}`"
            )
    try:
        UNDO.write(root, records.replace(record, outdated=tuple(left)))
    except errors.FileTrouble as error:
        notes.append(error.message)
    return tuple(notes)
