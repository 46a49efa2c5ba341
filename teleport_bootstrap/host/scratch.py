"""Private directories for temporary files that need names; the next run removes what a killed one left."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.host import tree

# All names begin with this, and go on with the purpose.
PREFIX = "teleport-bootstrap-"

_TRIES = 20

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def directory(purpose: str, *, uid: int = -1, gid: int = -1) -> Iterator[str]:
    """Give a new directory with mode 0700 for the body, and remove it afterwards with all in it.

    It belongs to `uid` and `gid`, which need root. Directories of killed runs with the same purpose and owner are
    removed first: a lock shows which ones are in use. Raises FileTrouble.
    """
    top = tempfile.gettempdir() if uid in (-1, os.geteuid()) else _for_all()
    prefix = f"{PREFIX}{purpose}-"
    _sweep(top, prefix, {os.geteuid(), uid})
    with errors.file_trouble_at(top):
        path, descriptor = _locked(top, prefix)
    try:
        with errors.file_trouble_at(path):
            if os.geteuid() == 0:
                os.fchown(descriptor, uid, gid)
        yield path
    finally:
        try:
            # Locked: of two runs that empty it at a time, each takes what the other one removes for a failure.
            _remove(path)
        finally:
            os.close(descriptor)


def _locked(top: str, prefix: str) -> tuple[str, int]:
    """Return a new directory and a descriptor that locks it. Raises OSError.

    Another run that begins at the same time may take it for one that was left, before it is locked.
    """
    for _ in range(_TRIES):
        path = tempfile.mkdtemp(prefix=prefix, dir=top)
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, _DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(os.lstat(path), os.fstat(descriptor)):
                    return path, descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
    raise FileNotFoundError(errno.ENOENT, "another process removes what is made here")


def _for_all() -> str:
    """Return a directory for temporary files that every account can reach; that of root may be private."""
    return next((each for each in ("/tmp", "/var/tmp") if os.path.isdir(each)), tempfile.gettempdir())  # noqa: S108


def _sweep(top: str, prefix: str, owners: set[int]) -> None:
    """Remove the directories that no process locks; other accounts can put links of these names there."""
    with contextlib.suppress(OSError):
        for name in os.listdir(top):
            if not name.startswith(prefix):
                continue
            with contextlib.suppress(OSError):
                descriptor = os.open(os.path.join(top, name), _DIRECTORY)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.fstat(descriptor).st_uid in owners:
                        _remove(os.path.join(top, name))
                finally:
                    os.close(descriptor)


def _remove(path: str) -> None:
    # Its owner can make a tree of any depth in it, and may still add to it. No link is followed.
    with contextlib.suppress(OSError):
        tree.remove(path)
