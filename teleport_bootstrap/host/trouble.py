"""What a failing file system call is told as."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from teleport_bootstrap import errors


@contextlib.contextmanager
def at(path: str) -> Iterator[None]:
    """Raise FileTrouble, naming `path`, for an OSError of the body, which has changed nothing then."""
    try:
        yield
    except OSError as error:
        raise errors.FileTrouble(
            f"{path} cannot be written: {error.strerror}",
            hint="Nothing was changed. Look at the disk's space, its mount options and the kind of file that is there.",
        ) from None
