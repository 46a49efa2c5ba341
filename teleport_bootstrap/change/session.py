"""How every command that writes begins: alone, and with an interrupted change undone."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from teleport_bootstrap import errors, log, paths
from teleport_bootstrap.change import journal, outdated, units
from teleport_bootstrap.host import caller, lock, systemd
from teleport_bootstrap.state import current, events

logger = log.Logger(__name__)

# What an event calls the undoing of a change that was interrupted.
RECOVERY = "recovery"


@contextlib.contextmanager
def begin(root: paths.Root, purpose: str, *, deadline_seconds: float) -> Iterator[None]:
    """Hold the lock while the body runs, after undoing a change that was interrupted.

    Raises LockBusy, naming the holder, and FileTrouble.
    """
    with lock.hold(root, purpose, deadline_seconds=deadline_seconds):
        _recover(root)
        _sweep(root)
        for note in outdated.remove(root):
            logger.warning("%s", note)
        current.settle(root)
        yield


def require_room(root: paths.Root) -> None:
    """Raise FileTrouble where a disk that every change writes to is full or read-only; call it before long waits."""
    for path in (paths.STATE, os.path.dirname(paths.TELEPORT_YAML)):
        shown = root.path(path)
        with errors.file_trouble_at(shown):
            if not os.path.isdir(shown):
                continue
            disk = os.statvfs(shown)
            found = errno.EROFS if disk.f_flag & os.ST_RDONLY else errno.ENOSPC if disk.f_bavail == 0 else 0
            if found:
                raise OSError(found, os.strerror(found))


def _recover(root: paths.Root) -> None:
    found = journal.recover(root)
    if found is None:
        return
    undone = "" if found.committed else ", ".join(root.path(path) for path in found.paths)
    if undone:
        logger.warning("an earlier command was interrupted and its change undone: %s", undone)
    start_stopped(root)
    if undone:
        _record(root, f"the change of a command that was interrupted is undone: {undone}")


def _record(root: paths.Root, what: str) -> None:
    """Record that `what` was done here, after it was done; nothing depends on it."""
    with contextlib.suppress(OSError, MemoryError):
        generation = events.current_generation(root)
        events.add(root, events.make(RECOVERY, caller.who(), events.DONE, what, generation=generation))


def start_stopped(root: paths.Root) -> None:
    """Start the units that a change had stopped, after it was undone or committed; a failure is only logged.

    Nothing is started while a change is half undone: Teleport would make a new data directory in the place of its own.
    """
    found = journal.FILE.read_or_warn(root)
    if found is None:
        return
    names = ", ".join(found.units)
    if not found.committed:
        logger.warning("%s stays stopped until the next command has undone this change", names or "Teleport")
        return
    try:
        if systemd.is_running(root):
            states = systemd.states([unit for unit in found.units if systemd.is_installed(root, unit)])
            # One that is still stopping starts after that.
            systemd.start([unit for unit, state in states.items() if state.active not in units.RUNS])
        journal.units_are_started(root)
    except errors.BootstrapError as error:
        logger.warning("%s could not be started again: %s", names, error.message)


def _sweep(root: paths.Root) -> None:
    """Remove what an interrupted command staged, or kept, in every directory that a plan writes to.

    At the beginning, since a file that still has a second name is not read.
    """
    for place in journal.SWEPT:
        # A link in its place, for example, is reported by the command that has to write there.
        with contextlib.suppress(errors.FileTrouble):
            journal.sweep(root, [place])
