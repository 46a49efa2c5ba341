"""The child process that copies SQLite databases, as the account that owns them. Only `databases` starts it.

Python runs this file by its path, in isolated mode, so it imports only the standard library. It has only the rights of
the account: a trap in the data directory gains that account nothing.

It talks over the socket at descriptor 0. Each packet that it receives is the number of bytes that the copy may take, a
blank, for how many milliseconds to wait for a locked database, a zero byte, and the path of the database, relative to
the data directory. Each answer is JSON, with the descriptor of the unnamed copy on success; the answer `waiting` comes
before the actual one where the database is locked. It exits when the socket is closed.
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
WAITING = "waiting"

# The parent process says how long to wait for a locked database, and limits the whole copy.
ATTEMPT_SECONDS = 0.5
PROBLEMS_SHOWN = 3
LONGEST_PACKET = 65536
# In addition to what the interpreter has taken by then.
MOST_MEMORY = 76 * 1024 * 1024
MOST_FILES = 64

_PR_SET_NO_NEW_PRIVS = 38

# SQLite's result codes, which Python has names for since 3.11.
_BUSY, _LOCKED = 5, 6

_COMPANIONS = (b"-wal", b"-shm", b"-journal")

# Called by a copy after each attempt, with SQLite's result, and how many pages remain of how many.
Tried = Callable[[int, int, int], None]


def main() -> None:
    """Serve until the other side closes: arguments are the descriptor of the data directory, a uid and a gid."""
    data, uid, gid = (int(argument) for argument in sys.argv[1:4])
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _end)
    top = _enter(data, uid, gid)
    with socket.socket(fileno=0) as connection, _scratch(top) as scratch:
        while True:
            limits, _, path = connection.recv(LONGEST_PACKET).partition(b"\0")
            if not path:
                return
            limit, busy_milliseconds = (int(each) for each in limits.split())
            _limit(resource.RLIMIT_FSIZE, limit, is_final=False)
            tried = _lock_timeout(busy_milliseconds / 1000, connection)
            _answer(connection, *_copied(top, path, scratch, tried))


def _enter(data: int, uid: int, gid: int) -> bytes:
    """Become the account `uid`, with the data directory as root where possible; return the path of the directory."""
    os.umask(0o077)
    os.fchdir(data)
    os.close(data)
    top = os.getcwdb()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most_memory = _memory() + MOST_MEMORY
    _limit(resource.RLIMIT_AS, most_memory)
    _limit(resource.RLIMIT_NOFILE, MOST_FILES)
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


def _limit(which: int, most: int, *, is_final: bool = True) -> None:
    """Set a limit of this process; an account cannot raise a lower one that it was started with."""
    allowed = resource.getrlimit(which)[1]
    most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(which, (most, most if is_final else allowed))


def _memory() -> int:
    """Return how many bytes of addresses this process has, and about as much as it should need without /proc."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 128 * 1024 * 1024


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
        _remove_scratch(made)
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
                _remove_scratch(path)
            finally:
                os.close(descriptor)


def _remove_scratch(scratch: bytes) -> None:
    """Remove a directory for copies. It holds files only: one that holds a directory is not ours, and stays."""
    with contextlib.suppress(OSError):
        for name in os.listdir(scratch):
            with contextlib.suppress(IsADirectoryError, FileNotFoundError):
                os.unlink(os.path.join(scratch, name))
        os.rmdir(scratch)


def _copied(top: bytes, path: bytes, scratch: bytes, tried: Tried) -> tuple[dict[str, Any], int | None]:
    """Return the result of copying the database at `path`, and the descriptor of the copy on success."""
    target = os.path.join(scratch, b"copy")
    source = b"%s/%s" % (top, path)
    try:
        try:
            # SQLite would block on a named pipe.
            if not stat.S_ISREG(os.lstat(source).st_mode):
                raise OSError(errno.EINVAL, "it is no longer a regular file")
            _require_regular_companions(source)
            _copy(source, target, tried)
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


def _require_regular_companions(source: bytes) -> None:
    """Raise OSError where something else is in the place of a file beside the database, which SQLite would open."""
    for ending in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(source + ending).st_mode):
                raise OSError(errno.EINVAL, f"its {ending.decode()} is not a regular file")


def _kind(error: sqlite3.Error) -> str:
    """Return whether an error is about the database or its surroundings; Python before 3.11 has only the text."""
    text = str(error)
    words = ("malformed", "not a database", "unsupported file format", "no such collation")
    return DAMAGED if any(each in text for each in words) else FAILED


def _copy(source: bytes, target: bytes, tried: Tried) -> None:
    """Copy what is committed in the database `source` at one moment to a new one at `target`."""
    # Writable where the log is empty or missing, since a read-only connection leaves an empty log behind, as a killed
    # run does, and a writable one removes it when it closes, unless another process has it open.
    if not _has_log(source):
        _copy_with("rw", source, target, tried)
        return
    # No process has a database open that has a log and no shared memory, and opening it would leave that behind.
    if not os.path.lexists(source + b"-shm") and _copy_at_rest(source, target):
        return
    try:
        # Read-only: closing the database would otherwise write the log into it.
        _copy_with("ro", source, target, tried)
    except sqlite3.OperationalError as error:
        if "readonly" not in str(error):
            raise
        # An interrupted transaction has to be rolled back first, as Teleport does when it opens the database.
        _copy_with("rw", source, target, tried)


def _has_log(source: bytes) -> bool:
    try:
        facts = os.lstat(source + b"-wal")
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(facts.st_mode) or facts.st_size > 0


def _copy_at_rest(source: bytes, target: bytes) -> bool:
    """Copy the files of a database, and let SQLite write the log into the copy; return False where they changed."""
    _remove(target)
    before = _identity(source)
    for ending in (b"", b"-wal"):
        with open(os.open(source + ending, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return False
            with open(target + ending, "xb") as copy:
                shutil.copyfileobj(file, copy, 1024 * 1024)
    if _identity(source) != before or os.path.lexists(source + b"-shm"):
        return False
    with contextlib.closing(sqlite3.connect(os.fsdecode(target))) as opened:
        opened.execute("PRAGMA synchronous = OFF")
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return True


def _identity(source: bytes) -> list[tuple[int, int, int, int]]:
    facts = [os.lstat(source + ending) for ending in (b"", b"-wal")]
    return [(each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns) for each in facts]


def _remove(target: bytes) -> None:
    for ending in (b"", *_COMPANIONS):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target + ending)


def _copy_with(mode: str, source: bytes, target: bytes, tried: Tried) -> None:
    _remove(target)
    uri = f"file:{quote_from_bytes(source)}?mode={mode}"
    with (
        contextlib.closing(sqlite3.connect(uri, uri=True, timeout=ATTEMPT_SECONDS)) as opened,
        contextlib.closing(sqlite3.connect(os.fsdecode(target))) as copy,
    ):
        # The copy is not needed after a power failure.
        copy.execute("PRAGMA synchronous = OFF")
        # In one step: a copy in several steps starts over with each commit of another process.
        opened.backup(copy, pages=-1, sleep=0.05, progress=tried)


def _lock_timeout(seconds: float, connection: socket.socket) -> Tried:
    """Return a function to call after each attempt, which gives up on a locked database after `seconds`.

    It tells the other side once that there is something to wait for.
    """
    begun = time.monotonic()
    told: list[bool] = []

    def tried(status: int, remaining: int, total: int) -> None:  # noqa: ARG001 - backup passes them
        if status not in (_BUSY, _LOCKED):
            return
        if time.monotonic() - begun >= seconds:
            raise sqlite3.OperationalError(f"another process kept it locked for {seconds:.0f} s")
        if not told:
            told.append(True)
            _answer(connection, {"result": WAITING, "why": ""}, None)

    return tried


def _problems(target: bytes) -> list[str]:
    """Return what SQLite finds wrong with the database, nothing for a good one."""
    try:
        return _problems_of("integrity_check", target)
    except MemoryError:
        # It holds all of the longest rows several times. The quick check does not compare rows with indexes.
        return _problems_of("quick_check", target)


def _problems_of(check: str, target: bytes) -> list[str]:
    with contextlib.closing(sqlite3.connect(os.fsdecode(target))) as copy:
        # A hostile schema must not call functions.
        copy.execute("PRAGMA trusted_schema = OFF")
        copy.execute("PRAGMA temp_store = MEMORY")
        copy.text_factory = bytes
        found = [row[0] for row in copy.execute(f"PRAGMA {check}({PROBLEMS_SHOWN})")]
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
