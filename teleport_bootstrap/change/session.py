"""How every command that writes begins: alone, and with what an interrupted one has left put right."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.change import change_recovery, changeset, data_reset, exchange
from teleport_bootstrap.host import lock, systemd
from teleport_bootstrap.state import current

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def begin(root: paths.Root, purpose: str, *, deadline_seconds: float) -> Iterator[None]:
    """Hold the lock while the body runs, after undoing a change that somebody was killed in.

    Raises LockBusy, naming the holder, and FileTrouble.
    """
    with lock.held(root, purpose, deadline_seconds=deadline_seconds):
        for path in change_recovery.recover(root):
            logger.warning("an earlier run was interrupted: %s is again what it was before it", root.path(path))
        _sweep(root)
        _recover_exchange(root)
        data_reset.recover(root)
        current.settle(root)
        yield


def _recover_exchange(root: paths.Root) -> None:
    """Undo a restore that was not concluded, and let Teleport run again where it was stopped for it."""
    note = exchange.recover(root)
    if note is None or not note.swaps:
        # Nothing was in its place yet, or everything: then there was only something to clear away.
        if note is not None:
            _start_again(root, note.units)
        return
    logger.warning(
        "a restore was interrupted: %s is again what it was before it",
        ", ".join(root.path(each.target) for each in note.swaps),
    )
    _start_again(root, note.units)


def _start_again(root: paths.Root, stopped: tuple[str, ...]) -> None:
    if stopped and systemd.is_running(root):
        try:
            systemd.start([unit for unit in stopped if systemd.is_installed(root, unit)])
        except errors.UnitTrouble as error:
            logger.warning(
                "%s was stopped for it and could not be started again: %s", ", ".join(stopped), error.message
            )


def _sweep(root: paths.Root) -> None:
    """Remove files in the making, and second names of files, that a killed run left where any plan writes.

    All of it at once and first: a file with a second name is none that is read.
    """
    written = (paths.TELEPORT_YAML, paths.CONF, *unit_table.DROP_INS)
    places = dict.fromkeys((*(os.path.dirname(path) for path in written), paths.OVERRIDES, paths.DATA, paths.STATE))
    for place in places:
        # What stands in its way, such as a link, is told by whoever wants to write there.
        with contextlib.suppress(errors.FileTrouble), changeset.Changeset(root) as changes:
            changes.sweep(place)
