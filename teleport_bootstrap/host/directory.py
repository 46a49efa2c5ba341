"""Files of one directory, reached through its descriptor: no link is followed, and no path can be swapped meanwhile.

Teleport's data directory belongs to its account, so that root must not trust it: names there may be symbolic links,
hard links to files elsewhere, or named pipes. `regular_file` opens what is read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.host import regular_file
from teleport_bootstrap.records import dataclass

READ_LIMIT = regular_file.LIMIT

_FLAGS = os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

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

    With `within`, `path` is a name in that directory. On the way to it links are followed only in directories that no
    other account can write to; its own name may never be one.
    """

    def __init__(self, path: str, *, within: Directory | None = None) -> None:
        self.path: str = path if within is None else os.path.join(within.path, path)
        self.descriptor: int = (
            _open(path) if within is None else os.open(path, _FLAGS | os.O_NOFOLLOW, dir_fd=within.descriptor)
        )

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)

    def read(self, name: str) -> Found | None:
        """Return the file `name`; None unless it is a regular file with one name of at most READ_LIMIT bytes.

        `obstacle` says why. Raises regular_file.Unusable where another process keeps a lease on it.
        """
        try:
            descriptor = regular_file.opened(name, directory=self.descriptor)
            try:
                facts = os.fstat(descriptor)
                if facts.st_nlink != 1:
                    return None
                content = regular_file.content(descriptor, limit=READ_LIMIT)
                return Found(content, stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid)
            finally:
                os.close(descriptor)
        except regular_file.Unusable as error:
            if error.errno == errno.EWOULDBLOCK:
                raise
            return None
        except FileNotFoundError:
            return None

    def obstacle(self, name: str) -> str:
        """Return what keeps `read` from returning `name`, as the end of a sentence; "" for nothing."""
        try:
            facts = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return ""
        what = regular_file.kind(facts.st_mode)
        if what:
            return f"it is not a regular file but {what}"
        if facts.st_nlink != 1:
            return "it has another name elsewhere (a hard link)"
        return regular_file.too_large(READ_LIMIT) if facts.st_size > READ_LIMIT else ""

    def create(self, name: str, content: bytes, *, mode: int, uid: int, gid: int) -> None:
        """Make the new file `name`, which must not exist, with its final owner and mode, durably.

        `uid` and `gid` of -1 leave the owner as it is. Where it fails, the file is removed.
        """
        descriptor = os.open(name, _NEW, 0o600, dir_fd=self.descriptor)
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

    def replace(self, name: str, content: bytes, *, mode: int) -> None:
        """Put a file of this account's at `name` as one step, durably; call it where no other writer of it is at work.

        What killed writers left is removed.
        """
        self.remove_staged(name)
        staged = f".{name}.{secrets.token_hex(8)}{STAGED}"
        self.create(staged, content, mode=mode, uid=-1, gid=-1)
        try:
            self.rename(staged, name)
        except OSError:
            with contextlib.suppress(OSError):
                self.unlink(staged)
            raise
        self.sync()

    def keep(self, name: str, second_name: str) -> None:
        """Give what is at `name` the name `second_name` too, without following a symbolic link."""
        here = self.descriptor
        os.link(name, second_name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)

    def unlink(self, name: str) -> None:
        """Remove the name `name`."""
        os.unlink(name, dir_fd=self.descriptor)

    def names(self) -> Iterator[str]:
        """Yield the names in the directory; another account may have made millions, which are never kept together."""
        with os.scandir(self.descriptor) as entries:
            for each in entries:
                yield each.name

    def remove_staged(self, name: str) -> None:
        """Remove what killed writers of `name` left; call it where no other one is at work."""
        for each in self.names():
            if each.startswith(f".{name}.") and each.endswith(STAGED):
                with contextlib.suppress(FileNotFoundError):
                    self.unlink(each)

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


def obstacle(root: paths.Root, path: str) -> str:
    """Return what keeps `read` from returning the file at `path`, as Directory.obstacle does."""
    parent, name = os.path.split(path)
    try:
        with contextlib.closing(Directory(root.path(parent))) as opened:
            return opened.obstacle(name)
    except OSError as error:
        return "" if isinstance(error, FileNotFoundError) else f"its directory cannot be opened: {error.strerror}"


def content(root: paths.Root, path: str) -> bytes | None:
    """Return the content of the regular file at `path`, None where there is none or it cannot be read."""
    try:
        found = read(root, path)
    except OSError:
        return None
    return None if found is None else found.content


def make(path: str, mode: int = 0o755) -> bool:
    """Make the directory `path` with this mode, whatever the umask is, durably; return whether it was missing.

    Missing directories above it get mode 0755. Raises OSError.
    """
    missing = [path]
    while not os.path.lexists(above := os.path.dirname(missing[-1])):
        missing.append(above)
    for each in reversed(missing):
        wanted = mode if each == path else 0o755
        try:
            os.mkdir(each, wanted)
        except FileExistsError:
            if each == path:
                return False
            continue
        with contextlib.closing(Directory(each)) as opened:
            # The umask would take away what others need, such as systemd from its drop-ins.
            if os.fstat(opened.descriptor).st_mode & 0o777 != wanted:
                os.fchmod(opened.descriptor, wanted)
                opened.sync()
    # What is synced in a directory later is lost with the directory, unless its own name is on the disk.
    for each in missing:
        sync(os.path.dirname(each))
    return True


def sync(path: str) -> None:
    """Make the names in the directory `path` durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    """Return a descriptor of the directory at `path`.

    An account that can write to a directory can put a link to any place in it: from there on none is followed.
    """
    *above, last = [part for part in path.split("/") if part not in ("", ".")] or ["."]
    here = os.open("/" if path.startswith("/") else ".", os.O_PATH | _FLAGS)
    may_follow = True
    try:
        for part in above:
            facts = os.fstat(here)
            # On an instance this is root; a scratch directory may also belong to the current user.
            is_ours = facts.st_uid in (0, os.geteuid())
            # In a directory such as /tmp others can add names, and replace their own only.
            is_shared = bool(facts.st_mode & _OTHERS_WRITE)
            may_follow = may_follow and is_ours and (not is_shared or bool(facts.st_mode & stat.S_ISVTX))
            flags = _FLAGS | (0 if may_follow and not is_shared else os.O_NOFOLLOW)
            inner = os.open(part, os.O_PATH | flags, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | _FLAGS, dir_fd=here)
    finally:
        os.close(here)


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
