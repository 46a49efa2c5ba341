"""The child process that copies SQLite databases, as the account that owns them. Only `databases` starts it.

Python runs this file by its path, in isolated mode, so it imports only the standard library. It has only the rights of
the account: a trap in the data directory gains that account nothing.

It talks over the socket at descriptor 0. Each packet that it receives is the number of bytes that the copy may take, a
zero byte, and the path of the database, relative to the data directory. Each answer is JSON, with the descriptor of the
unnamed copy on success. It exits when the socket is closed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn
from urllib.parse import quote_from_bytes

# The name of the directory for copies; `data_directory` leaves it out of the archive.
SCRATCH_PREFIX = ".teleport-bootstrap-backup."

# Results for one database.
COPIED = "copied"
DAMAGED = "damaged"
FAILED = "failed"

# How long to wait for a locked database; the parent process limits the whole copy.
BUSY_SECONDS = 30.0
ATTEMPT_SECONDS = 0.5
PROBLEMS_SHOWN = 3
LONGEST_PACKET = 65536
MOST_MEMORY = 1024 * 1024 * 1024
MOST_FILES = 64

_PR_SET_NO_NEW_PRIVS = 38


def main() -> None:
    """Serve until the other side closes: arguments are the descriptor of the data directory, a uid and a gid."""
    data, uid, gid = (int(argument) for argument in sys.argv[1:4])
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _end)
    top = _enter(data, uid, gid)
    with socket.socket(fileno=0) as connection, _scratch(top) as scratch:
        while True:
            limit, _, path = connection.recv(LONGEST_PACKET).partition(b"\0")
            if not path:
                return
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
            _answer(connection, *_copied(top, path, scratch))


def _enter(data: int, uid: int, gid: int) -> bytes:
    """Become the account `uid`, with the data directory as root where possible; return the path of the directory."""
    os.umask(0o077)
    os.fchdir(data)
    os.close(data)
    top = os.getcwdb()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    if os.geteuid() == 0:
        # Absolute links, and `..`, then stay inside. Where a sandbox forbids it, the account's rights are the limit.
        with contextlib.suppress(OSError):
            os.chroot(".")
            top = b""
        if uid != 0:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return top


@contextlib.contextmanager
def _scratch(top: bytes) -> Iterator[bytes]:
    """Create a directory for copies in the data directory, and remove it at the end; remove those of killed runs."""
    directory = top or b"/"
    _sweep(directory)
    before = os.stat(directory)
    made = os.fsencode(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=os.fsdecode(directory)))
    descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    ours = os.stat(directory).st_mtime_ns
    try:
        # The lock keeps other runs from removing it.
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield made
    finally:
        os.close(descriptor)
        is_untouched = os.stat(directory).st_mtime_ns == ours
        shutil.rmtree(made, ignore_errors=True)
        if is_untouched:
            # Leave no trace.
            os.utime(directory, ns=(before.st_atime_ns, before.st_mtime_ns))


def _sweep(top: bytes) -> None:
    for name in os.listdir(top):
        if not name.startswith(os.fsencode(SCRATCH_PREFIX)):
            continue
        path = os.path.join(top, name)
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)


def _copied(top: bytes, path: bytes, scratch: bytes) -> tuple[dict[str, Any], int | None]:
    """Return the result of copying the database at `path`, and the descriptor of the copy on success."""
    target = os.path.join(scratch, b"copy")
    source = b"%s/%s" % (top, path)
    try:
        try:
            # SQLite would block on a named pipe.
            if not stat.S_ISREG(os.lstat(source).st_mode):
                raise OSError(errno.EINVAL, "it is no longer a regular file")
            _copy(source, target)
            problems = _problems(target)
            if problems:
                return {"result": DAMAGED, "why": "; ".join(problems)}, None
            descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise OSError(errno.EINVAL, "the copy was replaced by something else")
            return {"result": COPIED, "why": ""}, descriptor
        finally:
            for left in os.listdir(scratch):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(scratch, left))
    except sqlite3.Error as error:
        return {"result": _kind(error), "why": str(error)}, None
    except OSError as error:
        return {"result": FAILED, "why": error.strerror or type(error).__name__}, None
    except MemoryError:
        return {"result": FAILED, "why": "not enough memory"}, None


def _kind(error: sqlite3.Error) -> str:
    """Return whether an error is about the database or its surroundings; Python before 3.11 has only the text."""
    text = str(error)
    words = ("malformed", "not a database", "unsupported file format", "no such collation")
    return DAMAGED if any(each in text for each in words) else FAILED


def _copy(source: bytes, target: bytes) -> None:
    """Copy what is committed in the database `source` at one moment to a new one at `target`."""
    # Read-only where there is a log: closing the database would otherwise write the log into it. Writable where there
    # is none, since a read-only connection leaves an empty log behind.
    mode = "ro" if os.path.lexists(source + b"-wal") else "rw"
    try:
        _copy_with(mode, source, target)
    except sqlite3.OperationalError as error:
        if mode == "rw" or "readonly" not in str(error):
            raise
        # An interrupted transaction has to be rolled back first, as Teleport does when it opens the database.
        _copy_with("rw", source, target)


def _copy_with(mode: str, source: bytes, target: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    uri = f"file:{quote_from_bytes(source)}?mode={mode}"
    with (
        contextlib.closing(sqlite3.connect(uri, uri=True, timeout=ATTEMPT_SECONDS)) as opened,
        contextlib.closing(sqlite3.connect(os.fsdecode(target))) as copy,
    ):
        # The copy is not needed after a power failure.
        copy.execute("PRAGMA synchronous = OFF")
        # In one step: a copy in several steps starts over with each commit of another process.
        opened.backup(copy, pages=-1, sleep=0.05, progress=_lock_timeout())


def _lock_timeout() -> Callable[[int, int, int], None]:
    """Return a function to call after each attempt, which gives up on a locked database after BUSY_SECONDS."""
    begun = time.monotonic()

    def tried(status: int, remaining: int, total: int) -> None:  # noqa: ARG001 - backup passes them
        if time.monotonic() - begun > BUSY_SECONDS:
            raise sqlite3.OperationalError(f"it stayed locked for {BUSY_SECONDS:.0f} s")

    return tried


def _problems(target: bytes) -> list[str]:
    """Return what SQLite finds wrong with the database, nothing for a good one."""
    with contextlib.closing(sqlite3.connect(os.fsdecode(target))) as copy:
        # A hostile schema must not call functions.
        copy.execute("PRAGMA trusted_schema = OFF")
        copy.execute("PRAGMA temp_store = MEMORY")
        copy.text_factory = bytes
        found = [row[0] for row in copy.execute(f"PRAGMA integrity_check({PROBLEMS_SHOWN})")]
    shown = [line.decode("utf-8", "replace") if isinstance(line, bytes) else str(line) for line in found]
    return [] if shown == ["ok"] else shown[:PROBLEMS_SHOWN]


def _answer(connection: socket.socket, answer: dict[str, Any], descriptor: int | None) -> None:
    packet = json.dumps(answer).encode()
    if descriptor is None:
        connection.send(packet)
        return
    try:
        socket.send_fds(connection, [packet], [descriptor])
    finally:
        os.close(descriptor)


def _end(number: int, frame: object) -> NoReturn:  # noqa: ARG001 - signal passes it
    # As an exception, so that unfinished copies are removed.
    raise SystemExit(128 + number)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        main()
