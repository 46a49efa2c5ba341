"""`restore --undo` and `restore --discard-undo`: return to what the last restore has replaced, or remove it."""

from __future__ import annotations

import os
from collections.abc import Callable

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import directory_swap, session, units, way_back
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.host import termination
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations.restore import DECLINED, DISCARDED, UNDONE, Outcome
from teleport_bootstrap.state import restore_record
from teleport_bootstrap.state.previous_state import UNDO, PreviousState


def run_undo(doors: gather.Doors, agreed: Callable[[PreviousState], bool], *, health_seconds: float) -> Outcome:
    """Restore what the last restore has replaced; what is here now is kept in its turn, for another undo.

    Raises UndoMissing without such a restore, and UnhealthyAfterRollback where Teleport is unhealthy after it.
    """
    root = doors.root
    with session.begin(root, "restore --undo", deadline_seconds=doors.wait_seconds), termination.as_exception():
        previous = _required(root)
        _rehearse_undo(root, previous)
        if not agreed(previous):
            return Outcome(DECLINED)
        back, verdict = way_back.restore_previous(root, previous, seconds=health_seconds, is_undo=True)
        if not verdict.healthy:
            unit = units.running(previous.units)
            raise errors.UnhealthyAfterRollback(
                f"{previous.what} is undone, but {unit or 'systemd'} is unhealthy: {verdict.seen}",
                hint=f"Look at `journalctl -b -u {unit}`; `teleport-bootstrap restore --undo` undoes this again.",
            )
        kept = tuple(root.path(each.kept) for each in back.moved if each.had)
        asked = restore_record.pending(root, gather.conf(root))
        notes = () if asked is None else (f"the conf here asks to restore {asked}: the next boot does that again",)
        return Outcome(UNDONE, previous.what, health=verdict.seen, kept=kept, notes=notes)


def _rehearse_undo(root: paths.Root, previous: PreviousState) -> None:
    """Raise FileTrouble where what is to be restored was removed, or a file cannot be restored in its place."""
    gone = [root.path(each.kept) for each in previous.moved if each.had and not os.path.lexists(root.path(each.kept))]
    if gone:
        raise errors.FileTrouble(
            f"{previous.what} cannot be undone: {', '.join(gone)} was removed",
            hint="`teleport-bootstrap restore --discard-undo` removes the rest. Nothing was changed.",
        )
    with Transaction(root) as trial:
        for path, found in previous.files.items():
            if not any(path.startswith(f"{each.target}/") for each in previous.moved):
                trial.restore(path, found)


def run_discard(doors: gather.Doors, agreed: Callable[[PreviousState], bool]) -> Outcome:
    """Remove permanently what the last restore has replaced. Raises UndoMissing without such a restore."""
    root = doors.root
    with session.begin(root, "restore --discard-undo", deadline_seconds=doors.wait_seconds):
        previous = _required(root)
        if not agreed(previous):
            return Outcome(DECLINED)
        kept = [each.kept for each in previous.moved if os.path.lexists(root.path(each.kept))]
        # One change with the record: what is half removed cannot be restored.
        with Transaction(root) as transaction:
            transaction.reserve(())
            transaction.remove(paths.RESTORE_UNDO)
            transaction.commit(discard=[*previous.outdated, *(directory_swap.container(path) for path in kept)])
        return Outcome(DISCARDED, previous.what, removed=tuple(root.path(path) for path in kept))


def _required(root: paths.Root) -> PreviousState:
    previous = UNDO.read(root)
    if previous is None:
        raise errors.UndoMissing(
            "no restore has replaced anything here", hint="There is nothing to undo, and nothing to remove."
        )
    return previous
