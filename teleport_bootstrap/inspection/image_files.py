"""How the files of an image are looked at: read only, with its links followed as an instance would follow them."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from collections.abc import Iterable, Iterator

from teleport_bootstrap import escaping, paths
from teleport_bootstrap.finding import ERROR, NOTE, Finding, Place
from teleport_bootstrap.host import directory

# As many as the kernel follows.
_MOST_LINKS = 40


class Image:
    """An image below a root directory. Paths are absolute, as an instance will see them; methods raise OSError."""

    def __init__(self, root: paths.Root) -> None:
        self.root = root

    def finding(self, path: str, message: str, remedy: str | None = None, *, severity: str = ERROR) -> Finding:
        """Return the finding that `path` should not be in an image; by default the remedy is to remove it."""
        place = self.locate(path)
        remedy = _remove(place) if remedy is None else remedy
        return Finding(severity, "image-content", place, message, remedy, Place(escaping.one_line(place)))

    def existing(self, messages: dict[str, str]) -> Iterator[Finding]:
        """Yield a finding for each path of `messages` at which anything is, even a dangling link."""
        yield from (self.finding(path, message) for path, message in messages.items() if self.exists(path))

    def filled(self, candidates: Iterable[str], message: str, *, severity: str = ERROR) -> Iterator[Finding]:
        """Yield a finding for each of the paths `candidates` that is neither missing nor empty."""
        yield from (self.finding(path, message, severity=severity) for path in candidates if self.is_filled(path))

    @property
    def severity_at_rest(self) -> str:
        """The severity of what a running machine keeps writing: an error only in an image that does not run."""
        return NOTE if self.root.is_live else ERROR

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in the directory `folder`; nothing if it is missing."""
        path = self.root.path(self.resolve(folder))
        return sorted(os.listdir(path)) if _is_directory(path) else []

    def exists(self, path: str) -> bool:
        """Whether anything is at `path`, even a dangling link."""
        return _status(self.locate(path)) is not None

    def is_directory(self, path: str) -> bool:
        """Whether a directory, not a link to one, is at `path`."""
        return _is_directory(self.locate(path))

    def is_empty_directory(self, path: str) -> bool:
        """Whether a directory without content is at `path`."""
        return self.is_directory(path) and not os.listdir(self.locate(path))

    def is_filled(self, path: str) -> bool:
        """Whether anything but an empty file or an empty directory is at `path`."""
        found = _status(self.locate(path))
        if found is None or stat.S_ISDIR(found.st_mode):
            return found is not None and not self.is_empty_directory(path)
        return not stat.S_ISREG(found.st_mode) or found.st_size > 0

    def has_files(self, folder: str) -> bool:
        """Whether there is any file or link at any depth below the directory `folder`."""
        walk = os.walk(self.root.path(self.resolve(folder)), onerror=_raise_unless_missing)
        return any(
            files or any(os.path.islink(os.path.join(parent, name)) for name in folders)
            for parent, folders, files in walk
        )

    def read(self, path: str) -> bytes | None:
        """Return the content of the regular file at `path`; None if there is none."""
        found = directory.read(self.root, self.resolve(path))
        return None if found is None else found.content

    def text(self, path: str) -> str | None:
        """Return the content of the regular file at `path` as text; None if there is none."""
        content = self.read(path)
        return None if content is None else content.decode("utf-8", "replace")

    def locate(self, path: str) -> str:
        """Return where `path` is on this machine: links in its directory are followed, a link at its end is not."""
        folder, name = os.path.split(path)
        return self.root.path(os.path.join(self.resolve(folder), name))

    def resolve(self, path: str) -> str:
        """Return `path` with every link in it followed inside the image: a link to /etc means the image's /etc."""
        left = [each for each in path.split("/") if each]
        left.reverse()
        done: list[str] = []
        followed = 0
        while left:
            name = left.pop()
            if name == "..":
                del done[-1:]
                continue
            here = self.root.path("/" + "/".join([*done, name]))
            found = _status(here)
            if found is None or not stat.S_ISLNK(found.st_mode):
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


def _remove(path: str) -> str:
    if path.isprintable():
        return f"rm -rf -- {shlex.quote(path)}"
    return f"remove the file with this name (unprintable characters are escaped here): {escaping.one_line(path)}"


def _is_directory(path: str) -> bool:
    found = _status(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error
