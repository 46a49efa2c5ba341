"""How the files of an image are looked at: read only, with its links followed as an instance would follow them."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import shlex
import stat

from teleport_bootstrap import escaping, paths
from teleport_bootstrap.finding import ERROR, Finding, Place
from teleport_bootstrap.host import directory, tree

# As many as the kernel follows.
_MOST_LINKS = 40
# Enough for an image.
_MOST_HOMES = 1000
_WILDCARDS = frozenset("*?[")


class Image:
    """An image below a root directory. Paths are absolute, as an instance will see them; methods raise OSError."""

    def __init__(self, root: paths.Root) -> None:
        self.root = root

    def finding(self, path: str, message: str, remedy: str | None = None, *, severity: str = ERROR) -> Finding:
        """Return the finding that `path` should not be in an image; by default the remedy is to remove it."""
        place = self.locate(path)
        remedy = _remove(place) if remedy is None else remedy
        return Finding(severity, "image-content", place, message, remedy, Place(escaping.one_line(place)))

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in the directory `folder`; nothing if it is missing."""
        path = self.root.path(self.resolve(folder))
        return sorted(os.listdir(path)) if _is_directory(path) else []

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that match `pattern`: ~ means each home directory; the last part may have wildcards."""
        if pattern.startswith("~"):
            return [path for home in self._homes() for path in self.matching(home + pattern[1:])]
        folder, name = os.path.split(pattern)
        if not _WILDCARDS.intersection(name):
            return [pattern]
        return [f"{folder}/{each}" for each in self.names(folder) if fnmatch.fnmatchcase(each, name)]

    def exists(self, path: str) -> bool:
        """Whether anything is at `path`, even a dangling link."""
        return _status(self.locate(path)) is not None

    def is_empty_directory(self, path: str) -> bool:
        """Whether a directory without content is at `path`."""
        return _is_directory(self.locate(path)) and not os.listdir(self.locate(path))

    def is_filled(self, path: str) -> bool:
        """Whether anything but an empty file or an empty directory is at `path`."""
        found = _status(self.locate(path))
        if found is None or stat.S_ISDIR(found.st_mode):
            return found is not None and not self.is_empty_directory(path)
        return not stat.S_ISREG(found.st_mode) or found.st_size > 0

    def has_files(self, folder: str) -> bool:
        """Whether there is any file or link at any depth below the directory `folder`."""
        try:
            opened = directory.Directory(self.root.path(self.resolve(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return False
        with contextlib.closing(opened):
            return any(not stat.S_ISDIR(each.facts.st_mode) for each in tree.walk(opened.descriptor))

    def text(self, path: str) -> str | None:
        """Return the content of the regular file at `path` as text; None if there is none."""
        found = directory.read(self.root, self.resolve(path))
        return None if found is None else found.content.decode("utf-8", "replace")

    def _homes(self) -> list[str]:
        """Return the home directories: those of /etc/passwd, everything in /home, and /root."""
        homes = ["/root", *(f"/home/{name}" for name in self.names("/home"))]
        for line in (self.text("/etc/passwd") or "").splitlines():
            fields = line.split(":")
            if len(fields) > 5 and fields[5].startswith("/") and "\0" not in fields[5]:
                homes.append(os.path.normpath(fields[5]))
        found = dict.fromkeys(map(self.resolve, homes))
        return [home for home in found if home != "/" and _is_directory(self.locate(home))][:_MOST_HOMES]

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
