"""Whether another backup can be written where this host keeps them. Nothing is written to find out."""

from __future__ import annotations

import os
from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.doctor import denial
from teleport_bootstrap.doctor.backups import archives
from teleport_bootstrap.doctor.check import BACKUPS, Check
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import NOTE, WARNING, Finding

_MIB = 1024 * 1024
# Before there is one, nothing says how large a backup is.
_LEAST_BYTES = 64 * _MIB


def _run(subject: Subject) -> Iterator[Finding]:
    place, _ = archives.place(subject)
    try:
        found = archives.archives(subject)
    except errors.AwsDenied as denied:
        yield denial.finding(denied, "backup")
        return
    except (errors.BucketUnusable, errors.FileTrouble, errors.UntrustedPath) as error:
        yield from error.as_findings(WARNING)
        return
    if place.is_s3:
        where = f"s3://{place.bucket}/{place.prefix}"
        yield Finding(
            NOTE, "backup-place", where, f"{where} can be listed; `permissions` says whether it can be written to"
        )
        return
    path = _existing(place.path)
    disk = os.statvfs(path)
    free, needed = disk.f_bavail * disk.f_frsize, max([_LEAST_BYTES, *(each.size for each in found[:1])])
    if disk.f_flag & os.ST_RDONLY or not os.access(path, os.W_OK | os.X_OK):
        message = f"no backup can be written to {place.path}: it is read-only"
        remedy = f"run `findmnt --target {path}`, and mount it writable"
        yield Finding(WARNING, "backup-place-read-only", place.path, message, remedy)
    elif free < needed:
        message = f"there are {free // _MIB} MiB free for {place.path}, and a backup takes {needed // _MIB} MiB"
        remedy = (
            f"run `du -xh --max-depth=1 {path}`, and remove what is not needed; `teleport-bootstrap backup --keep N`"
        )
        yield Finding(WARNING, "backup-place-full", place.path, message, f"{remedy} keeps the newest N only")
    else:
        yield Finding(NOTE, "backup-place", place.path, f"{place.path} has {free // _MIB} MiB free")


def _existing(path: str) -> str:
    """Return the directory `path`, or where it does not exist yet, the one in which it will be created."""
    while not os.path.isdir(path) and path != "/":
        path = os.path.dirname(path)
    return path


CHECK = Check("backup-place", BACKUPS, "the place of the backups: whether another one fits into it", _run)
