"""One teleport-bootstrap at a time for everything that writes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator

from teleport_bootstrap import errors, log, paths
from teleport_bootstrap.host import directory, underway

logger = log.Logger(__name__)

NAME = "lock"
POLL_SECONDS = 0.1


@contextlib.contextmanager
def hold(root: paths.Root, purpose: str, *, deadline_seconds: float = 60.0, name: str = NAME) -> Iterator[None]:
    """Hold the lock while the body runs; others that wait for it are shown `purpose`.

    `name` is another file in the state directory, for work that only must not run twice at once.

    Raises LockBusy, naming the holder, when another process keeps it for longer than `deadline_seconds`. The kernel
    releases it when the holder ends, in whatever way.
    """
    path = root.path(f"{paths.STATE}/{name}")
    try:
        # Durably: the journal of a change is in it.
        directory.make(root.path(paths.STATE), 0o700)
        with contextlib.ExitStack() as waiting:
            descriptor = _acquire(path, deadline_seconds, waiting)
    except OSError as error:
        raise errors.FileTrouble(
            f"the lock {path} cannot be taken: {error.strerror}",
            hint="Run as root; look whether the disk is full or mounted read-only.",
        ) from None
    try:
        with contextlib.suppress(OSError):  # a full disk: then the next one sees no purpose, and that is all
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{purpose} (process {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(path: str, deadline_seconds: float, waiting: contextlib.ExitStack) -> int:
    end = time.monotonic() + deadline_seconds
    wait: underway.Underway | None = None
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace")
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            if time.monotonic() >= end:
                raise errors.LockBusy(
                    f"another teleport-bootstrap is at work: {holder or 'it did not say what on'}; "
                    f"waited {deadline_seconds:.0f} s for it",
                    hint="Wait for it to end, or look at it with `systemctl status` and `ps`, then try again.",
                ) from None
            if wait is None:
                what = "waiting for another teleport-bootstrap to end"
                wait = waiting.enter_context(underway.displayed(what, deadline_seconds))
                wait.because(holder)
                logger.info("%s, up to %.0f s: %s", what, deadline_seconds, holder or "it did not say what it does")
            time.sleep(POLL_SECONDS)
            continue
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor)):
                return descriptor
        # Removed or replaced between open and lock: this lock guards nothing.
        os.close(descriptor)
