"""`init`: write the files for a new cluster into a directory of the operator's, without losing one that is there."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping

from teleport_bootstrap import errors
from teleport_bootstrap.host import directory, regular_file
from teleport_bootstrap.launch import files
from teleport_bootstrap.plan import comparison
from teleport_bootstrap.records import dataclass

NEW, CHANGED, SAME = "new", "changed", "unchanged"
_MODE = 0o644


@dataclass(frozen=True)
class File:
    """A file by its path in the directory: what becomes of it, and how it differs from the one that is there."""

    path: str
    change: str
    diff: str | None = None


def compare(place: str, contents: Mapping[str, str]) -> tuple[File, ...]:
    """Return what becomes of each of `contents` in the directory `place`, which may be missing. Raises FileTrouble."""
    for folder in dict.fromkeys(os.path.dirname(path) for path in contents):
        if folder:
            _require_folder(os.path.join(place, folder))
    return tuple(_compared(place, path, content) for path, content in contents.items())


def leftovers(place: str, contents: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files of other answers that are in the directory `place`, and not among `contents`."""
    others = sorted(files.possible() - set(contents))
    return tuple(path for path in others if os.path.lexists(os.path.join(place, path)))


def write(place: str, contents: Mapping[str, str], found: tuple[File, ...]) -> None:
    """Write those of `contents` that are not as `found` there, each as one step. Raises FileTrouble."""
    for each in found:
        if each.change == SAME:
            continue
        # The directory that the operator named may be a link, and those below it may not.
        folder, name = os.path.split(os.path.join(os.path.realpath(place), each.path))
        with _trouble(os.path.join(place, each.path)):
            directory.make(folder)
            with contextlib.closing(directory.Directory(folder)) as opened:
                opened.replace(name, contents[each.path].encode(), mode=_MODE)


def _compared(place: str, path: str, content: str) -> File:
    whole = os.path.join(place, path)
    try:
        before = regular_file.read(whole).decode("utf-8", "backslashreplace")
    except (FileNotFoundError, NotADirectoryError):
        return File(path, NEW)
    except OSError as error:
        hint = error.remedy if isinstance(error, regular_file.Unusable) else "Name another directory."
        raise errors.FileTrouble(f"{whole} cannot be read: {error.strerror}", hint=hint) from None
    if before == content:
        return File(path, SAME)
    return File(path, CHANGED, comparison.unified(path, before, content))


def _require_folder(path: str) -> None:
    """Raise FileTrouble where something other than a directory is at `path`, such as a link to one elsewhere."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise errors.FileTrouble(f"{path} cannot be read: {error.strerror}", hint="Name another directory.") from None
    if not stat.S_ISDIR(mode):
        what = regular_file.kind(mode) or "a file"
        raise errors.FileTrouble(
            f"{path} is not a directory but {what}; nothing was written",
            hint="Remove it, or name another directory.",
        )


@contextlib.contextmanager
def _trouble(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise errors.FileTrouble(
            f"{path} cannot be written: {error.strerror}",
            hint="Check the directory, or name another one; then run it again, which writes what is missing.",
        ) from None
