"""System calls on the files of a root, found by strace and spoiled by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from tests.simulated.faults.names import without_chance
from tests.simulated.faults.network import Place

# What each call can meet on a disk that is full, read-only or broken, in a process that has too many files open, or
# where it is not allowed.
TROUBLE = {
    "openat": ("ENOSPC", "EACCES", "EROFS", "EIO", "EMFILE", "EINTR"),
    "open": ("EACCES", "EIO", "EMFILE"),
    "read": ("EIO", "EINTR"),
    "pread64": ("EIO",),
    "readlink": ("EIO", "EACCES"),
    "readlinkat": ("EIO", "EACCES"),
    "newfstatat": ("EIO", "EACCES"),
    "fstat": ("EIO",),
    "stat": ("EIO", "EACCES"),
    "lstat": ("EIO", "EACCES"),
    "statx": ("EIO",),
    "statfs": ("EIO",),
    "fstatfs": ("EIO",),
    "access": ("EIO",),
    "faccessat": ("EIO",),
    "faccessat2": ("EIO",),
    "getdents64": ("EIO",),
    "llistxattr": ("EIO",),
    "flistxattr": ("EIO",),
    "fgetxattr": ("EIO",),
    "lgetxattr": ("EIO",),
    "fsetxattr": ("ENOSPC", "EACCES"),
    "flock": ("EINTR", "EIO"),
    "write": ("ENOSPC", "EIO", "EINTR"),
    "writev": ("ENOSPC", "EIO"),
    "pwrite64": ("ENOSPC", "EIO"),
    "ftruncate": ("EIO", "ENOSPC"),
    "fallocate": ("ENOSPC",),
    "fsync": ("EIO", "ENOSPC", "EINTR"),
    "fdatasync": ("EIO",),
    "rename": ("EROFS", "EIO", "EACCES"),
    "renameat": ("EROFS", "EIO", "EACCES", "ENOSPC"),
    "renameat2": ("EROFS", "EIO", "EACCES"),
    "unlink": ("EROFS", "EIO", "EACCES"),
    "unlinkat": ("EROFS", "EIO", "EACCES"),
    "rmdir": ("EIO", "EACCES"),
    "mkdir": ("ENOSPC", "EROFS", "EACCES"),
    "mkdirat": ("ENOSPC", "EROFS", "EACCES"),
    "link": ("ENOSPC", "EACCES"),
    "linkat": ("ENOSPC", "EACCES", "EROFS"),
    "symlink": ("ENOSPC",),
    "symlinkat": ("ENOSPC", "EROFS"),
    "chmod": ("EACCES", "EROFS"),
    "fchmod": ("EACCES", "EROFS"),
    "fchmodat": ("EACCES", "EROFS"),
    "chown": ("EACCES",),
    "lchown": ("EACCES",),
    "fchown": ("EACCES", "EIO"),
    "fchownat": ("EACCES",),
    "utimensat": ("EACCES",),
    "execve": ("EACCES", "EIO"),
}
# Calls whose loss nothing on the disk shows, and which tell little about a file: killing is for those that change one.
CHANGES = frozenset(TROUBLE) - {
    *("open", "read", "pread64", "readlink", "readlinkat", "newfstatat", "fstat", "stat", "lstat", "statx", "statfs"),
    *("fstatfs", "access", "faccessat", "faccessat2", "getdents64", "llistxattr", "flistxattr", "fgetxattr"),
    *("lgetxattr", "flock", "execve"),
}
KILLED = "killed"
TRIES = 4


@dataclass(frozen=True)
class Call:
    """A system call: `place` is its name and its files and how often that came up, `number` that of strace."""

    place: Place
    name: str
    number: int
    changes: bool


def trace(inject: str = "", name: str = "", *, output: Path) -> tuple[str, ...]:
    """Return what runs a command under strace; with `inject`, only that call is traced. Children are not."""
    traced = name or ",".join(f"?{each}" for each in TROUBLE)
    options = ("-e", f"inject={inject}") if inject else ()
    return ("strace", "-y", "-s", "64", "-o", str(output), "-e", f"trace={traced}", *options)


def calls(text: str, root: Path) -> list[Call]:
    """Return the calls of a trace that are about a file below `root`, from the first module of the program on."""
    numbers: dict[str, int] = {}
    places: dict[str, int] = {}
    found = []
    # Python 3.13 looks for its own modules in the working directory first, and ignores what fails there.
    is_program = False
    for line in text.splitlines():
        parsed = _parsed(line, root)
        if parsed is None:
            continue
        name, files, rest = parsed
        numbers[name] = numbers.get(name, 0) + 1
        is_program = is_program or "/teleport_bootstrap/" in rest
        if not files or not is_program:
            continue
        what = f"{name} {' '.join(files)}"
        places[what] = places.get(what, 0) + 1
        changes = name in CHANGES and (name != "openat" or "O_CREAT" in rest or "O_TRUNC" in rest)
        found.append(Call(Place(what, places[what]), name, numbers[name], changes))
    return found


def was_hit(text: str, call: Call, root: Path) -> bool:
    """Whether the call that strace has spoiled is `call`, and not another that had its number this time."""
    lines = text.splitlines()
    spoiled = [line for line in lines if "(INJECTED)" in line] or [line for line in lines if "(" in line][-1:]
    parsed = _parsed(spoiled[0], root) if spoiled else None
    return parsed is not None and f"{parsed[0]} {' '.join(parsed[1])}" == call.place.what


def _parsed(line: str, root: Path) -> Optional[tuple[str, list[str], str]]:
    """Return the name of a call, the files below `root` that it is about, and all of its arguments."""
    match = re.match(r"(\w+)\((.*)", line)
    if not match:
        return None
    name, rest = match.groups()
    given = rest.rpartition(") = ")[0] or rest
    # The working directory is the root, and says nothing of where a file is.
    given = re.sub(r"AT_FDCWD<[^>]*>", "AT_FDCWD", given)
    # What is written and read may look like anything.
    kinds = r"^\d+<([^>]*)>" if name in ("write", "writev", "read", "pread64", "pwrite64") else r'"([^"]*)"|<([^>]*)>'
    named = ["".join(each) if isinstance(each, tuple) else each for each in re.findall(kinds, given)]
    if not any(each == str(root) or each.startswith(f"{root}/") for each in named):
        return name, [], rest
    return name, [without_chance(each.replace(str(root), "")) or "/" for each in named], rest


def faults_of(call: Call) -> list[str]:
    """Return what the call can meet; one that only reads needs neither space nor a disk that can be written to."""
    reads = call.name == "openat" and not call.changes
    possible = [each for each in TROUBLE[call.name] if not (reads and each in ("ENOSPC", "EROFS"))]
    return [*possible, *((KILLED,) if call.changes else ())]


def injection(call: Call, fault: str) -> str:
    what = "signal=KILL" if fault == KILLED else f"error={fault}"
    return f"{call.name}:{what}:when={call.number}"
