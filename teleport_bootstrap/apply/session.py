"""How every command that writes begins: alone, and with what an interrupted one has left put right."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

from teleport_bootstrap import errors, paths
from teleport_bootstrap.apply import current, data_reset
from teleport_bootstrap.host import change_recovery, changeset, lock, root
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
        data_reset.recover(where)
        current.settle(where)
        yield


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
