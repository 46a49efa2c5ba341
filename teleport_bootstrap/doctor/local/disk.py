"""Whether the file systems that Teleport writes to have space and inodes left.

Teleport keeps its identity, its recordings until they are uploaded, and on an all-in-one its whole state below its data
directory: when that is full, an upload stays and a renewed certificate is lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.doctor.check import HOST, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.records import dataclass

_MIB = 1024 * 1024
# A backup, a new generation and a few recordings need more than the first; the second is gone within hours of sessions.
_LOW_BYTES, _NONE_BYTES = 512 * _MIB, 64 * _MIB
_LOW_INODES, _NONE_INODES = 5000, 500


@dataclass(frozen=True)
class FileSystem:
    """A file system as seen at `path`: what is left for Teleport, which is root on some roles, counts what root gets.

    `inodes` are None where the file system makes them as they are needed.
    """

    path: str
    size: int
    free: int
    inodes: int | None


def read(subject: Subject) -> tuple[FileSystem, ...]:
    """Return the file systems of the data directory, of this agent's state and of `/`, each once."""

    def look() -> tuple[FileSystem, ...]:
        by_device: dict[int, FileSystem] = {}
        for each in (paths.DATA, paths.STATE, "/"):
            path = _existing(subject.root.path(each))
            device, facts = os.stat(path).st_dev, os.statvfs(path)
            inodes = facts.f_favail if facts.f_files else None
            by_device.setdefault(
                device, FileSystem(path, facts.f_blocks * facts.f_frsize, facts.f_bavail * facts.f_frsize, inodes)
            )
        return tuple(by_device.values())

    return subject.once("file systems", look)


def _existing(path: str) -> str:
    while not os.path.isdir(path) and path != "/":
        path = os.path.dirname(path)
    return path


def is_full(subject: Subject) -> bool:
    """Whether one of them is full, which other faults follow from."""
    return any(each.free < _NONE_BYTES for each in read(subject))


def _space(subject: Subject) -> Iterator[Finding]:
    for each in read(subject):
        severity = _severity(each.free, min(_LOW_BYTES, each.size // 2), min(_NONE_BYTES, each.size // 8))
        message = f"{each.path} has {_amount(each.free)} of {_amount(each.size)} left"
        remedy = (
            f"`du -xah {each.path} | sort -h | tail -20` shows what takes the space; remove it, or enlarge the volume"
        )
        yield Finding(severity, "disk-space", each.path, message, "" if severity == NOTE else remedy)


def _inodes(subject: Subject) -> Iterator[Finding]:
    for each in read(subject):
        if each.inodes is None:
            yield Finding(NOTE, "disk-inodes", each.path, f"{each.path} makes inodes as they are needed")
            continue
        severity = _severity(each.inodes, _LOW_INODES, _NONE_INODES)
        message = f"{each.path} has room for {each.inodes} more files"
        remedy = f"`du -x --inodes {each.path} | sort -n | tail -20` shows which directory has so many; remove them"
        yield Finding(severity, "disk-inodes", each.path, message, "" if severity == NOTE else remedy)


def _severity(left: int, low: int, none: int) -> str:
    return ERROR if left < none else WARNING if left < low else NOTE


def _amount(size: int) -> str:
    return f"{size / 1024 / _MIB:.1f} GiB" if size >= 1024 * _MIB else f"{size // _MIB} MiB"


def _check(name: str, looks_at: str, run: Callable[[Subject], Iterator[Finding]]) -> Check:
    return Check(name, HOST, looks_at, run, needs_network=False)


CHECKS = (
    _check("disk-space", "the space that is left where Teleport writes", _space),
    _check("disk-inodes", "the number of files that can still be made where Teleport writes", _inodes),
)
