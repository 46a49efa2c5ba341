"""What a judgement of an image is made of, and how its files are looked at: no link is followed, nothing is changed."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from teleport_bootstrap.host import root


@dataclass(frozen=True)
class Finding:
    """Something at `path`, which is on this machine, that an image should not hold; `remedy` is a command or advice.

    One that does not block is told and no more: it cannot be had otherwise while the image runs, or it is a matter of
    taste.
    """

    path: str
    what: str
    remedy: str
    blocks: bool = True


def remove(path: str) -> str:
    """Return the command that removes `path`."""
    if path.isprintable():
        return f"rm -rf -- {shlex.quote(path)}"
    return f"remove it by hand: its name is {one_line(path)}"


def one_line(text: str) -> str:
    """Return `text`, which may hold the name of a file that somebody chose, so that it neither ends a line nor more."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def names(where: root.Root, folder: str) -> list[str]:
    """Return what is in the directory `folder`, which is no link; nothing where there is none. Raises OSError."""
    path = where.path(folder)
    if not is_directory(path):
        return []
    return sorted(os.listdir(path))


def is_directory(path: str) -> bool:
    """Whether there is a directory, not a link to one, at `path` on this machine."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_there(where: root.Root, path: str) -> bool:
    """Whether anything at all is at `path`."""
    return os.path.lexists(where.path(path))


def is_filled(where: root.Root, path: str) -> bool:
    """Whether there is something at `path` other than an empty file or an empty directory."""
    shown = where.path(path)
    try:
        facts = os.lstat(shown)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if stat.S_ISDIR(facts.st_mode):
        return bool(os.listdir(shown))
    return not stat.S_ISREG(facts.st_mode) or facts.st_size > 0


def has_files(where: root.Root, folder: str) -> bool:
    """Whether there is any file or link below `folder`; empty directories do not count. Raises OSError."""
    return any(files for _, _, files in _walk(where.path(folder)))


def _walk(path: str) -> Iterator[tuple[str, list[str], list[str]]]:
    def complain(error: OSError) -> None:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise error

    for folder, folders, files in os.walk(path, onerror=complain):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        yield folder, folders, [*files, *links]
