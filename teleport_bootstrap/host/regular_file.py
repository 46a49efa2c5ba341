"""The one way to open a file for reading: a regular file, without waiting, and not more of it than is of use.

Another account can put anything in place of a file in a directory that belongs to it: a named pipe, a link, a device,
a file with a lease, a file of 200 GiB that takes no space. None of these may stop root or fill its memory. What stands
there is looked at before it is opened, because opening some devices has an effect.
"""

from __future__ import annotations

import errno
import os
import stat

from teleport_bootstrap.host import clock

# Far more than any file of settings, any key and any chain of certificates needs.
LIMIT = 4 * 1024 * 1024

# A process that holds a lease is told that we wait, and one that cooperates gives it up at once.
LEASE_SECONDS = 0.5
_POLL_SECONDS = 0.05

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
}
_ERRNO = {stat.S_IFLNK: errno.ELOOP, stat.S_IFDIR: errno.EISDIR}
_LOOK = os.O_PATH | os.O_CLOEXEC
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Unusable(OSError):
    """Something other than a file that can be read; `strerror` says what it is, and `remedy` what to do about it.

    Its errno is ELOOP for a symbolic link, EISDIR for a directory, ENXIO for a pipe, a socket or a device, EFBIG for a
    file that is too large and EWOULDBLOCK for one with a lease.
    """

    def __init__(self, number: int, why: str, remedy: str) -> None:
        super().__init__(number, why)
        self.remedy = remedy


def _is_possible(name: str | bytes) -> bool:
    """Whether a file can have this name: without a null byte, and without half a character."""
    if isinstance(name, str) and name.isascii():
        return "\0" not in name
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False


def opened(
    name: str | bytes,
    *,
    directory: int | None = None,
    follow_links: bool = False,
    lease_seconds: float = LEASE_SECONDS,
) -> int:
    """Return a descriptor of the regular file `name`, in the open `directory` if one is given; the caller closes it.

    A link in the place of the file is followed only with `follow_links`, which is for files that no other account can
    replace and that may be links. Raises Unusable and OSError, after `lease_seconds` for a file with a lease.
    """
    return opened_with_facts(name, directory=directory, follow_links=follow_links, lease_seconds=lease_seconds)[0]


def opened_with_facts(
    name: str | bytes,
    *,
    directory: int | None = None,
    follow_links: bool = False,
    lease_seconds: float = LEASE_SECONDS,
) -> tuple[int, os.stat_result]:
    """Return a descriptor as `opened` does, and the facts of the file from the moment before."""
    if not _is_possible(name):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    found = os.open(name, _LOOK if follow_links else _LOOK | os.O_NOFOLLOW, dir_fd=directory)
    try:
        facts = os.fstat(found)
        _require_regular(facts)
        try:
            # The very file that was looked at, whatever has its name by now.
            return _open_when_free(f"/proc/self/fd/{found}", _FLAGS, None, lease_seconds), facts
        except FileNotFoundError:
            # Without /proc, as in an image under construction.
            flags = _FLAGS | (0 if follow_links else os.O_NOFOLLOW)
            descriptor = _open_when_free(name, flags, directory, lease_seconds)
    finally:
        os.close(found)
    try:
        facts = os.fstat(descriptor)
        _require_regular(facts)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, facts


def content(descriptor: int, *, limit: int = LIMIT) -> bytes:
    """Return all bytes of the open regular file `descriptor`. Raises Unusable where it has more than `limit`."""
    parts, left = [], limit + 1
    # A file that is too large is not read. One that grows meanwhile, or has no size as in /proc, is read to the limit.
    if os.fstat(descriptor).st_size <= limit:
        while left and (part := os.read(descriptor, min(left, 1024 * 1024))):
            parts.append(part)
            left -= len(part)
        if left:
            return b"".join(parts)
    raise Unusable(
        errno.EFBIG,
        too_large(limit),
        "Find out what wrote it, and put the right file in its place.",
    )


def read(
    path: str | bytes,
    *,
    directory: int | None = None,
    follow_links: bool = False,
    limit: int = LIMIT,
    lease_seconds: float = LEASE_SECONDS,
) -> bytes:
    """Return the content of the regular file at `path`, opened as by `opened` and of at most `limit` bytes."""
    descriptor = opened(path, directory=directory, follow_links=follow_links, lease_seconds=lease_seconds)
    try:
        return content(descriptor, limit=limit)
    finally:
        os.close(descriptor)


def too_large(limit: int) -> str:
    """Return what is wrong with a file of more than `limit` bytes, as the end of a sentence."""
    return f"it is larger than {limit // 1024**2} MiB" if limit >= 1024**2 else f"it is larger than {limit // 1024} KiB"


def kind(mode: int) -> str:
    """Return what a file of the mode `mode` is if it is not a regular file, such as `a named pipe`; "" if it is."""
    return "" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "something unknown")


def _require_regular(facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        what = kind(facts.st_mode)
        raise Unusable(
            _ERRNO.get(stat.S_IFMT(facts.st_mode), errno.ENXIO),
            f"it is not a regular file but {what}",
            "Find out what put it there, and replace it by a regular file.",
        )


def _open_when_free(name: str | bytes, flags: int, directory: int | None, lease_seconds: float) -> int:
    end: float | None = None
    while True:
        try:
            return os.open(name, flags, dir_fd=directory)
        except BlockingIOError:
            end = clock.SYSTEM.monotonic() + lease_seconds if end is None else end
            if clock.SYSTEM.monotonic() >= end:
                raise Unusable(
                    errno.EWOULDBLOCK,
                    "another process holds a lease on it, which keeps others from opening it",
                    "End the process that `grep LEASE /proc/locks` shows for it, and try again.",
                ) from None
            clock.SYSTEM.sleep(_POLL_SECONDS)
