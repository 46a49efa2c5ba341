"""Stop Teleport so that its sessions may end by themselves: it takes no new connections, and has a time for the rest.

SIGQUIT asks a Teleport for that (its reference, "Teleport Signals"); while it waits for sessions, it acts on no other
signal but SIGKILL. After a reload an older process may serve sessions beside the one in charge, and either may be the
main process of the unit, the only one that `systemctl stop` would ask. So each is asked here, and a drop-in that lasts
until the next boot keeps systemd from starting Teleport again, and from ending the others with the first.
"""

from __future__ import annotations

import contextlib
import os
import signal

from teleport_bootstrap import errors, paths
from teleport_bootstrap.host import directory, systemd, teleport_process
from teleport_bootstrap.records import dataclass

_DROP_IN = "/run/systemd/system/{unit}.d/60-teleport-bootstrap-drain.conf"
_CONTENT = b"""\
# Written by teleport-bootstrap, because the auto scaling group takes this instance out of service.
[Service]
Restart=no
KillMode=process
"""

# States of a unit that runs nothing.
ENDED = ("inactive", "failed", "unknown")


@dataclass(frozen=True)
class GracefulStop:
    """A stop that is under way: the unit, and the processes that were asked to end."""

    unit: str
    process_ids: tuple[int, ...]

    def is_over(self) -> bool:
        """Whether each of the processes has ended."""
        return not any(
            teleport_process.is_alive(each) and self.unit in systemd.units_around(each) for each in self.process_ids
        )

    def end(self) -> None:
        """End by force what is left. Raises UnitTrouble."""
        if not self.is_over():
            systemd.kill([self.unit])
        systemd.stop_by_force([self.unit])


def begin(root: paths.Root, unit: str) -> GracefulStop:
    """Ask all Teleports of `unit` for a graceful stop, and do not wait. Raises FileTrouble, UnitTrouble."""
    path = _drop_in(root, unit)
    try:
        directory.make(os.path.dirname(path), 0o755)
        with contextlib.closing(directory.Directory(os.path.dirname(path))) as found:
            found.replace(os.path.basename(path), _CONTENT, mode=0o644)
    except OSError as error:
        raise errors.FileTrouble(
            f"{path} cannot be written: {error.strerror}", hint="Run as root; look whether /run is full."
        ) from None
    systemd.reload()
    process_ids = teleport_process.of_unit(unit, systemd.states([unit])[unit].main_pid)
    for each in process_ids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGQUIT)
    return GracefulStop(unit, tuple(process_ids))


def is_begun(root: paths.Root, unit: str) -> bool:
    """Whether `unit` was asked for a graceful stop in this boot, and not started again."""
    return os.path.exists(_drop_in(root, unit))


def undo(root: paths.Root, unit: str) -> None:
    """Start `unit` again, to be stopped as before, and do not wait. Raises FileTrouble, UnitTrouble."""
    path = _drop_in(root, unit)
    with errors.file_trouble_at(path), contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    systemd.reload()
    systemd.start([unit])


def _drop_in(root: paths.Root, unit: str) -> str:
    return root.path(_DROP_IN.format(unit=unit))
