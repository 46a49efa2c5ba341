"""What a judgement of an image is made of, and how its files are looked at: links as it will follow them, and nothing
is changed."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from teleport_bootstrap import escaping, paths
from teleport_bootstrap.host import directory

# As many as the kernel follows.
_MOST_LINKS = 40


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
    return f"remove it by hand: its name is {escaping.one_line(path)}"


def names(root: paths.Root, folder: str) -> list[str]:
    """Return what is in the directory `folder`, links of the image followed; nothing where there is none.

    Raises OSError.
    """
    path = root.path(real(root, folder))
    return sorted(os.listdir(path)) if is_directory(path) else []


def is_directory(path: str) -> bool:
    """Whether there is a directory, not a link to one, at `path` on this machine. Raises OSError."""
    facts = _facts(path)
    return facts is not None and stat.S_ISDIR(facts.st_mode)


def is_there(root: paths.Root, path: str) -> bool:
    """Whether anything at all is at `path`, a link that leads nowhere included. Raises OSError."""
    return _facts(shown(root, path)) is not None


def is_filled(root: paths.Root, path: str) -> bool:
    """Whether there is something at `path` other than an empty file or an empty directory. Raises OSError."""
    place = shown(root, path)
    facts = _facts(place)
    if facts is None:
        return False
    if stat.S_ISDIR(facts.st_mode):
        return bool(os.listdir(place))
    return not stat.S_ISREG(facts.st_mode) or facts.st_size > 0


def is_empty_directory(root: paths.Root, path: str) -> bool:
    """Whether there is a directory at `path` that has nothing in it. Raises OSError."""
    place = shown(root, path)
    return is_directory(place) and not os.listdir(place)


def has_files(root: paths.Root, folder: str) -> bool:
    """Whether there is any file or link below `folder`; empty directories do not count. Raises OSError."""
    return any(files for _, _, files in _walk(root.path(real(root, folder))))


def read(root: paths.Root, path: str) -> bytes | None:
    """Return what is in the file at `path`; None where it is none, or no regular one. Raises OSError."""
    found = directory.read(root, real(root, path))
    return None if found is None else found.content


def real(root: paths.Root, path: str) -> str:
    """Return `path`, as an instance will see it, with every link in it followed as the instance would.

    A link of an image that names /etc means the image's own, not that of the machine on which the image is judged.
    Raises OSError where links lead in a circle.
    """
    left = [each for each in path.split("/") if each]
    left.reverse()
    done: list[str] = []
    followed = 0
    while left:
        name = left.pop()
        if name == "..":
            del done[-1:]
            continue
        here = root.path("/" + "/".join([*done, name]))
        facts = _facts(here)
        if facts is None or not stat.S_ISLNK(facts.st_mode):
            done.append(name)
            continue
        followed += 1
        if followed > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), here)
        target = os.readlink(here)
        if target.startswith("/"):
            done.clear()
        left.extend(each for each in reversed(target.split("/")) if each not in ("", "."))
    return "/" + "/".join(done)


def shown(root: paths.Root, path: str) -> str:
    """Return where `path` is on this machine; links of the image do not lead the remedy out of it. Raises OSError."""
    return root.path(_placed(root, path))


def _placed(root: paths.Root, path: str) -> str:
    """Return `path` with the links in its directory followed, and not what it is itself."""
    folder, name = os.path.split(path)
    return os.path.join(real(root, folder), name)


def _facts(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _walk(path: str) -> Iterator[tuple[str, list[str], list[str]]]:
    def complain(error: OSError) -> None:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise error

    for folder, folders, files in os.walk(path, onerror=complain):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        yield folder, folders, [*files, *links]
