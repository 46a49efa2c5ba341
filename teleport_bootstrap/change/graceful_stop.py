"""Stop Teleport so that its sessions may end by themselves: it takes no new connections, and has a time for the rest.

SIGQUIT asks Teleport for that (its reference, "Teleport Signals"); SIGTERM, with which its units stop it, ends all
sessions. A drop-in that lasts until the next boot changes the signal, so that systemd itself ends what is left after
that time.
"""

from __future__ import annotations

import contextlib
import os

from teleport_bootstrap import errors, log, paths
from teleport_bootstrap.host import directory, systemd

_DROP_IN = "/run/systemd/system/{unit}.d/60-teleport-bootstrap-drain.conf"
# mixed: the signal is for Teleport alone, and not for the shells of its sessions.
_CONTENT = """\
# Written by teleport-bootstrap, because the auto scaling group takes this instance out of service.
[Service]
KillMode=mixed
KillSignal=SIGQUIT
TimeoutStopSec={seconds:.0f}
"""

logger = log.Logger(__name__)

# States of a unit that runs nothing.
ENDED = ("inactive", "failed", "unknown")


def begin(root: paths.Root, unit: str, *, seconds: float) -> None:
    """Ask for a graceful stop of `unit`, which may take `seconds`, and do not wait. Raises FileTrouble, UnitTrouble."""
    path = _drop_in(root, unit)
    try:
        directory.make(os.path.dirname(path), 0o755)
        with contextlib.closing(directory.Directory(os.path.dirname(path))) as found:
            found.replace(os.path.basename(path), _CONTENT.format(seconds=seconds).encode(), mode=0o644)
    except OSError as error:
        raise errors.FileTrouble(
            f"{path} cannot be written: {error.strerror}", hint="Run as root; look whether /run is full."
        ) from None
    systemd.reload()
    systemd.stop([unit], wait=False)


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


def has_ended(unit: str) -> bool:
    """Whether `unit` runs no longer. While systemd does not answer, it counts as running."""
    with contextlib.suppress(errors.UnitTrouble):
        return systemd.states([unit])[unit].active in ENDED
    return False


def _drop_in(root: paths.Root, unit: str) -> str:
    return root.path(_DROP_IN.format(unit=unit))
