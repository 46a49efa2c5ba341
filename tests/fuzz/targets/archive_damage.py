"""A good archive with bytes changed, added or missing: every change is detected, and named as damage."""

from __future__ import annotations

import functools
import hashlib

from teleport_bootstrap import errors
from teleport_bootstrap.archive import verify
from tests.fuzz.oracle import holds, showable
from tests.unit.archive import crafted

LONGEST = 64


def check(data: bytes) -> None:
    """Take four bytes for each change: where it is, what kind, and the byte."""
    good = _archive()
    changed = bytearray(good)
    for start in range(0, len(data) - 3, 4):
        at = int.from_bytes(data[start : start + 2], "big") % (len(changed) + 1)
        way, byte = data[start + 2] % 4, data[start + 3]
        if way == 0:
            changed[at : at + 1] = bytes([byte])
        elif way == 1:
            changed[at:at] = bytes([byte])
        elif way == 2:
            del changed[at : at + 1 + byte]
        else:
            del changed[at:]
    source = crafted.InMemory(bytes(changed))
    try:
        with verify.verify(source) as verified:
            holds(bytes(changed) == good, (verified.digest, hashlib.sha256(changed).hexdigest()))
    except errors.BootstrapError as error:
        showable(error)
        holds(bytes(changed) != good, error.message)
        holds(isinstance(error, (errors.ArchiveDamaged, errors.ArchiveUnknown)), error.message)


@functools.lru_cache(maxsize=1)
def _archive() -> bytes:
    members = [
        crafted.directory("var/lib/teleport"),
        crafted.file("var/lib/teleport/a", b"content" * 20),
        crafted.symlink("var/lib/teleport/b", "a"),
        crafted.file("var/lib/teleport/c", bytes(range(256))),
    ]
    return crafted.sealed(crafted.tar(members), block_size=1024)
