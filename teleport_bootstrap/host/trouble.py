"""Turns failures of file system calls into errors of the catalogue."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from teleport_bootstrap import errors


@contextlib.contextmanager
def at(path: str) -> Iterator[None]:
    """Raise FileTrouble, naming `path`, for an OSError of the body, which must not have changed anything."""
    try:
        yield
    except OSError as error:
        raise errors.FileTrouble(
            f"{path} cannot be written: {error.strerror}",
            hint="Nothing was changed. Check the free space, the mount options and the type of the existing file.",
        ) from None
