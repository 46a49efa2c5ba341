"""How every command that writes begins: alone, and with what an interrupted one has left put right."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

from teleport_bootstrap import errors, paths
from teleport_bootstrap.apply import current, data_reset
from teleport_bootstrap.host import change_recovery, changeset, exchange, lock, root, systemd
from teleport_bootstrap.plan import activation

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def begin(where: root.Root, purpose: str, *, deadline_seconds: float) -> Iterator[None]:
    """Hold the lock while the body runs, after undoing a change that somebody was killed in.

    Raises LockBusy, naming the holder, and FileTrouble.
    """
    with lock.held(where, purpose, deadline_seconds=deadline_seconds):
        for path in change_recovery.recover(where):
            logger.warning("an earlier run was interrupted: %s is again what it was before it", where.path(path))
        _sweep(where)
        _recover_exchange(where)
        data_reset.recover(where)
        current.settle(where)
        yield


def _recover_exchange(where: root.Root) -> None:
    """Undo a restore that was not concluded, and let Teleport run again where it was stopped for it."""
    note = exchange.recover(where)
    if note is None or not note.swaps:
        # Nothing was in its place yet, or everything: then there was only something to clear away.
        if note is not None:
            _start_again(where, note.units)
        return
    logger.warning(
        "a restore was interrupted: %s is again what it was before it",
        ", ".join(where.path(each.target) for each in note.swaps),
    )
    _start_again(where, note.units)


def _start_again(where: root.Root, stopped: tuple[str, ...]) -> None:
    if stopped and systemd.is_running(where):
        try:
            systemd.start([unit for unit in stopped if systemd.is_installed(where, unit)])
        except errors.UnitTrouble as error:
            logger.warning(
                "%s was stopped for it and could not be started again: %s", ", ".join(stopped), error.message
            )


def _sweep(where: root.Root) -> None:
    """Remove files in the making, and second names of files, that a killed run left where any plan writes.

    All of it at once and first: a file with a second name is none that is read.
    """
    written = (paths.TELEPORT_YAML, paths.CONF, *activation.DROP_INS)
    places = dict.fromkeys((*(os.path.dirname(path) for path in written), paths.OVERRIDES, paths.DATA, paths.STATE))
    for place in places:
        # What stands in its way, such as a link, is told by whoever wants to write there.
        with contextlib.suppress(errors.FileTrouble), changeset.Changeset(where) as changes:
            changes.sweep(place)
