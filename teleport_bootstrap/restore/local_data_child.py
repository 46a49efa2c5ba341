"""Lists keys of a Teleport database as the account that owns it. `local_data` starts it as a child process.

Python runs this file by its path, in isolated mode, so it imports only the standard library.
Arguments: the descriptor of the data directory, a uid, a gid, the path of the database in that directory, and an empty
directory for copies, which the parent process removes. It prints the keys of what people create, as JSON, the beginning
of those that are very long; it changes nothing, not even the time of a directory.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import stat
import sys
from urllib.parse import quote

# In addition to what the interpreter has taken by then. SQLite reads all of a key, however long it is.
MOST_MEMORY = 72 * 1024 * 1024
MOST_SECONDS = 60
# A database that was not closed, and whose shared memory is gone, is copied before it is read: bytes at most.
MOST_COPIED = 1024 * 1024 * 1024

TRIES = 5
MOST_KEYS = 10_000
LONGEST_KEY = 200
MOST_CHARACTERS = 1_000_000

# Keys under these are read; `local_data` ignores those that a first start creates.
PREFIXES = ("/web/users/", "/web/connectors/", "/roles/", "/trustedclusters/", "/remoteClusters/", "/apps/", "/db/")


def main() -> None:
    """Print the keys; exit with status 3 if the database cannot be read."""
    data, uid, gid = (int(argument) for argument in sys.argv[1:4])
    path, copies = sys.argv[4:6]
    os.fchdir(data)
    os.close(data)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most_memory = _memory() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most_memory, most_memory))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    # Its files can grow while they are copied.
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_COPIED, MOST_COPIED))
    if os.geteuid() == 0 and uid != 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    try:
        found = keys(path, copies)
    except (OSError, sqlite3.Error, ValueError) as error:
        sys.stderr.write(f"{error or type(error).__name__}\n")
        sys.exit(3)
    except MemoryError:
        sys.stderr.write(f"it holds a name that takes more than {MOST_MEMORY // 1024**2} MiB\n")
        sys.exit(3)
    sys.stdout.write(json.dumps(found))


def _memory() -> int:
    """Return how many bytes of addresses this process has, and about as much as it should need without /proc."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 128 * 1024 * 1024


def keys(path: str, copies: str) -> list[str]:
    """Return the keys under PREFIXES in the database at `path`, relative to the working directory.

    Copies of it go into the directory `copies`. Raises MemoryError for a key that is far too long.
    """
    os.close(_opened(path))
    if not _size(f"{path}-wal"):
        # Without a write-ahead log the file is complete, and `immutable` keeps SQLite from creating files beside it.
        return _read(path, "mode=ro&immutable=1")
    for _ in range(TRIES):
        before = _identity(path)
        found = _copied(path, copies)
        if _identity(path) == before and found is not None:
            return found
    # A running Teleport keeps writing: SQLite's files beside the database exist already.
    return _read(path, "mode=ro")


def _opened(path: str) -> int:
    """Return a descriptor of a regular file, without waiting, as `host.regular_file` does. Raises ValueError, OSError.

    SQLite itself would wait for the writer of a named pipe, and for the end of a lease.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except BlockingIOError:
        raise ValueError(f"another process holds a lease on {path}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(f"{path} is not a regular file")
    return descriptor


def _identity(path: str) -> list[tuple[int, int, int]]:
    facts = [os.lstat(each) for each in (path, f"{path}-wal") if os.path.lexists(each)]
    return [(each.st_ino, each.st_size, each.st_mtime_ns) for each in facts]


def _size(path: str) -> int:
    try:
        facts = os.lstat(path)
    except FileNotFoundError:
        return 0
    return facts.st_size if stat.S_ISREG(facts.st_mode) else 0


def _copied(path: str, scratch: str) -> list[str] | None:
    """Return the keys in a copy of the files as they are, which opening does not change; None if it is inconsistent."""
    if _size(path) + _size(f"{path}-wal") > MOST_COPIED:
        raise ValueError("it was not closed, and is too large to copy")
    for name in os.listdir(scratch):
        os.unlink(f"{scratch}/{name}")
    for suffix in ("", "-wal"):
        if os.path.lexists(f"{path}{suffix}"):
            with open(_opened(f"{path}{suffix}"), "rb") as source, open(f"{scratch}/copy{suffix}", "xb") as copy:
                shutil.copyfileobj(source, copy)
    try:
        return _read(f"{scratch}/copy", "mode=rw")
    except sqlite3.DatabaseError:
        return None


def _read(path: str, how: str) -> list[str]:
    connection = sqlite3.connect(f"file:{quote(path)}?{how}", uri=True, timeout=10)
    try:
        found: list[str] = []
        characters = 0
        for prefix in PREFIXES:
            # Every key that begins with the prefix. A file without Teleport's table raises.
            bounds = (LONGEST_KEY, prefix, prefix[:-1] + chr(ord("/") + 1), MOST_KEYS)
            for (key,) in connection.execute(
                "SELECT substr(key, 1, ?) FROM kv WHERE key >= ? AND key < ? ORDER BY key LIMIT ?", bounds
            ):
                text = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
                characters += len(text)
                if characters > MOST_CHARACTERS:
                    return found
                found.append(text)
        return found
    finally:
        connection.close()


if __name__ == "__main__":
    main()
