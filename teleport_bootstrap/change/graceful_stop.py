"""Stop Teleport so that its sessions may end by themselves: it takes no new connections, and has a time for the rest.

SIGQUIT asks a Teleport for that (its reference, "Teleport Signals"); while it waits for sessions, it acts on no other
signal but SIGKILL. After a reload an older process may serve sessions beside the one in charge, and either may be the
main process of the unit, the only one that `systemctl stop` would ask. So each is asked here, and a drop-in that lasts
until the next boot keeps systemd from starting Teleport again, and from ending the others with the first.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Sequence

from teleport_bootstrap import errors, paths, regex
from teleport_bootstrap.host import clock, directory, systemd, teleport_process
from teleport_bootstrap.records import dataclass

_DROP_IN = "/run/systemd/system/{unit}.d/60-teleport-bootstrap-drain.conf"
_CONTENT = """\
# Written by teleport-bootstrap, because the auto scaling group takes this instance out of service.
# Processes that were asked to end: {process_ids}
[Service]
Restart=no
KillMode=process
"""
# Until the start of the unit is asked for: a run that ends before that finds the file, and asks again.
_UNDONE = b"# Written by teleport-bootstrap, which starts this unit again.\n"
_ASKED = regex.compile(rb"^# Processes that were asked to end:([0-9 ]*)$", re.MULTILINE)

# States of a unit that runs nothing.
ENDED = ("inactive", "failed", "unknown")


@dataclass(frozen=True)
class GracefulStop:
    """A stop that is under way: the unit, and the processes that were asked to end."""

    unit: str
    process_ids: tuple[int, ...]

    def ask(self) -> None:
        """Ask the processes to end; one that was asked before takes no notice."""
        for each in self._remaining():
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGQUIT)

    def is_over(self) -> bool:
        """Whether each of the processes has ended."""
        return not self._remaining()

    def _remaining(self) -> list[int]:
        alive = filter(teleport_process.is_alive, self.process_ids)
        return [each for each in alive if self.unit in systemd.units_around(each)]

    def end(self) -> None:
        """End by force what is left. Raises UnitTrouble."""
        if not self.is_over():
            systemd.kill([self.unit])
        systemd.stop_by_force([self.unit])


def begin(root: paths.Root, unit: str) -> GracefulStop:
    """Ask all Teleports of `unit` for a graceful stop, and do not wait. Raises FileTrouble, UnitTrouble."""
    found = GracefulStop(unit, tuple(teleport_process.of_unit(unit, systemd.states([unit])[unit].main_pid)))
    _write(root, unit, _CONTENT.format(process_ids=" ".join(map(str, found.process_ids))).encode())
    systemd.reload()
    found.ask()
    return found


def is_begun(root: paths.Root, unit: str) -> bool:
    """Whether `unit` was asked for a graceful stop in this boot, and not started again."""
    return os.path.exists(_drop_in(root, unit))


def begun(root: paths.Root, unit: str) -> GracefulStop | None:
    """Return the graceful stop that an earlier run has begun, None where `unit` was asked for none in this boot.

    With its main process a unit counts as ended, also while an older process has sessions left.
    """
    found = _ASKED.search(directory.content(root, _DROP_IN.format(unit=unit)) or b"")
    return None if found is None else GracefulStop(unit, tuple(map(int, found[1].split())))


def age(root: paths.Root, unit: str) -> float:
    """Return for how many seconds `unit` has been asked for a graceful stop; 0 where it was not, in this boot."""
    try:
        return clock.SYSTEM.wall() - os.stat(_drop_in(root, unit)).st_mtime
    except OSError:
        return 0.0


def undo(root: paths.Root, unit: str, *, also: Sequence[str] = ()) -> None:
    """Start `unit` and the units `also` again, to be stopped as before, and do not wait.

    Raises FileTrouble, UnitTrouble; then `is_begun` goes on to say so.
    """
    _write(root, unit, _UNDONE)
    systemd.reload()
    systemd.start([unit, *also])
    path = _drop_in(root, unit)
    with errors.file_trouble_at(path), contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    systemd.reload()


def _write(root: paths.Root, unit: str, content: bytes) -> None:
    path = _drop_in(root, unit)
    try:
        directory.make(os.path.dirname(path), 0o755)
        with contextlib.closing(directory.Directory(os.path.dirname(path))) as found:
            found.replace(os.path.basename(path), content, mode=0o644)
    except OSError as error:
        raise errors.FileTrouble(
            f"{path} cannot be written: {error.strerror}", hint="Run as root; look whether /run is full."
        ) from None


def _drop_in(root: paths.Root, unit: str) -> str:
    return root.path(_DROP_IN.format(unit=unit))
