"""Files of one directory, reached through its descriptor: no link is followed, and no path can be swapped meanwhile.

Teleport's data directory belongs to its account, so that root must not trust it: names there may be symbolic links,
hard links to files elsewhere, or named pipes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from dataclasses import dataclass

from teleport_bootstrap import paths

READ_LIMIT = 4 * 1024 * 1024

# A file that is being made, and the previous one while it may be needed again, are called `.<name>.<random><suffix>`.
STAGED = ".teleport-bootstrap-new"
KEPT = ".teleport-bootstrap-old"


@dataclass(frozen=True)
class Found:
    """A regular file with one name: its content, permission bits and owner."""

    content: bytes
    mode: int
    uid: int
    gid: int


class Directory:
    """An open directory at `path`. Every method works relative to its descriptor; all raise OSError.

    With `within`, `path` is a name in that directory.
    """

    def __init__(self, path: str, *, within: Directory | None = None) -> None:
        self.path: str = path if within is None else os.path.join(within.path, path)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        self.descriptor: int = os.open(path, flags, dir_fd=None if within is None else within.descriptor)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)

    def read(self, name: str) -> Found | None:
        """Return the file `name`; None unless it is a regular file with one name."""
        try:
            descriptor = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.descriptor
            )
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                return None
            raise
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1 or facts.st_size > READ_LIMIT:
                return None
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return Found(file.read(READ_LIMIT), stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid)
        finally:
            os.close(descriptor)

    def create(self, name: str, content: bytes, *, mode: int, uid: int, gid: int) -> None:
        """Make the new file `name`, which must not exist, with its final owner and mode, durably.

        `uid` and `gid` of -1 leave the owner as it is. Where it fails, the file is removed.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o600, dir_fd=self.descriptor)
        try:
            try:
                if uid != -1 or gid != -1:
                    os.fchown(descriptor, uid, gid)
                os.fchmod(descriptor, mode)
                left = memoryview(content)
                while left:
                    left = left[os.write(descriptor, left) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                self.unlink(name)
            raise

    def exists(self, name: str) -> bool:
        """Whether `name` is there, of any kind."""
        try:
            os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def rename(self, old: str, new: str) -> None:
        """Give `old` the name `new`, in place of what had it."""
        os.rename(old, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def keep(self, name: str, second_name: str) -> None:
        """Give what is at `name` the name `second_name` too, without following a symbolic link."""
        here = self.descriptor
        os.link(name, second_name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)

    def unlink(self, name: str) -> None:
        """Remove the name `name`."""
        os.unlink(name, dir_fd=self.descriptor)

    def names(self) -> list[str]:
        """Return the names in the directory."""
        return os.listdir(self.descriptor)

    def sync(self) -> None:
        """Make the names in the directory durable."""
        os.fsync(self.descriptor)


def read(root: paths.Root, path: str) -> Found | None:
    """Return the file at `path`, as Directory.read does; None also without its directory.

    Raises OSError.
    """
    parent, name = os.path.split(path)
    try:
        opened = Directory(root.path(parent))
    except (FileNotFoundError, NotADirectoryError):
        return None
    with contextlib.closing(opened):
        return opened.read(name)


def content(root: paths.Root, path: str) -> bytes | None:
    """Return the content of the regular file at `path`, None where there is none or it cannot be read."""
    try:
        found = read(root, path)
    except OSError:
        return None
    return None if found is None else found.content


def sync(path: str) -> None:
    """Make the names in the directory `path` durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_mount_point(path: str) -> bool:
    """Return whether `path` is a mount point, including a bind mount of the same file system."""
    return os.path.realpath(path) in _mounted() or os.path.ismount(path)


def mounts_below(path: str) -> tuple[str, ...]:
    """Return the mount points below `path`, without `path` itself."""
    start = f"{os.path.realpath(path)}/"
    return tuple(sorted(each for each in _mounted() if each.startswith(start)))


def _mounted() -> frozenset[str]:
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            escaped = [line.split(" ")[4] for line in file]
    except (OSError, IndexError):
        return frozenset()
    # The kernel writes blanks and backslashes as octal numbers.
    return frozenset(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path) for path in escaped)
