"""A command under strace: its system calls that name, change or sync files, parsed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Calls that create, change, rename, remove or sync files, or change where a path begins.
CALLS = (
    *("open", "openat", "openat2", "creat", "write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile"),
    *("copy_file_range", "splice", "ftruncate", "truncate", "fallocate", "lseek", "rename", "renameat", "renameat2"),
    *("link", "linkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "symlink", "symlinkat", "mknod", "mknodat"),
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "umask"),
    *("fsync", "fdatasync", "syncfs", "sync", "chdir", "fchdir", "chroot"),
)

_CALL = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(?:<([^>]*)>)?(.*)", re.DOTALL)
_UNFINISHED = re.compile(r"(\d+) +(\w+\(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)$")
_HEX = re.compile(r"\\x([0-9a-f]{2})")


@dataclass(frozen=True)
class Call:
    """One call that succeeded: the process, its name, its arguments as strace shows them, and what it returned.

    `opened` is the path of the descriptor that it returned, if any.
    """

    process: int
    name: str
    arguments: tuple[str, ...]
    result: int
    opened: str | None = None


def prefix(output: Path) -> tuple[str, ...]:
    """Return the words to put in front of a command, to have its calls in the file `output`."""
    # The question mark is for calls that some processors lack.
    calls = ",".join(f"?{name}" for name in CALLS)
    # Strings and paths in hexadecimal hold nothing that could end an argument.
    return ("strace", "-f", "-y", "-xx", "-s", "67108864", "-o", str(output), "-e", f"trace={calls}")


def calls(output: Path) -> Iterator[Call]:
    """Yield the calls that succeeded, in the order in which they ended."""
    pending: dict[str, str] = {}
    with output.open(encoding="ascii", errors="replace") as lines:
        for text in lines:
            line = text.rstrip("\n")
            unfinished, resumed = _UNFINISHED.match(line), _RESUMED.match(line)
            if unfinished:
                pending[unfinished[1]] = unfinished[2]
                continue
            if resumed:
                line = f"{resumed[1]} {pending.pop(resumed[1])}{resumed[2]}"
            match = _CALL.match(line)
            if match is None or match[4] == "?" or int(match[4]) < 0:
                continue
            opened = None if match[5] is None else text_of(match[5])
            yield Call(int(match[1]), match[2], tuple(_split(match[3])), int(match[4]), opened)


def data(argument: str) -> bytes:
    """Return the bytes of a string or of a list of buffers."""
    return b"".join(bytes.fromhex(each.replace("\\x", "")) for each in re.findall(r'"([^"]*)"', argument))


def text(argument: str) -> str:
    """Return a string argument as text."""
    return os.fsdecode(data(argument))


def text_of(hexadecimal: str) -> str:
    """Return what strace shows within angle brackets, as text."""
    return os.fsdecode(bytes.fromhex(hexadecimal.replace("\\x", ""))) if hexadecimal.startswith("\\x") else hexadecimal


def path(argument: str) -> str | None:
    """Return the path of a descriptor such as 3</etc/hosts>; None for one that is removed, or is not a file."""
    match = re.fullmatch(r"(?:-?\d+|AT_FDCWD)<([^>]*)>(\(deleted\))?", argument)
    return None if match is None or match[2] else text_of(match[1])


def _split(arguments: str) -> Iterator[str]:
    depth, start = 0, 0
    for match in re.finditer(r"[\[{(\])},]", arguments):
        if match[0] in "[{(":
            depth += 1
        elif match[0] in ")}]":
            depth -= 1
        elif depth == 0:
            yield arguments[start : match.start()].strip()
            start = match.end()
    if arguments[start:].strip():
        yield arguments[start:].strip()
