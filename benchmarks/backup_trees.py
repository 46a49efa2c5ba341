"""Roots of hosts to back up: one with gigabytes in few files, one with many small files, one with hardly any."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

MEBIBYTE = 1024 * 1024

CONF = """\
TELEPORT_AUTH_SERVER_LB=teleport.example.com
TELEPORT_JOIN_TOKEN=0123456789abcdef0123456789abcdef
TELEPORT_CA_PIN_HASHES=sha256:7e12c17c20d9cb504bbcb3f0236be3f446861f1396dcbb44425fe28ec1c108f1
"""
DATA = "var/lib/teleport"
_RECORDINGS = f"{DATA}/log/upload/streaming/default"
_IN_A_FILE = 128 * MEBIBYTE
_IN_A_FOLDER = 1000


def host(root: Path) -> Path:
    """Make the directories, accounts and conf of a node that has no data yet."""
    for folder in ("etc/teleport.d", _RECORDINGS):
        (root / folder).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nteleport:x:990:990::/:/bin/false\n", encoding="utf-8")
    (root / "etc/group").write_text("root:x:0:\nteleport:x:990:\n", encoding="utf-8")
    (root / "etc/teleport.d/conf").write_text(CONF, encoding="utf-8")
    return root


def content(chance: random.Random, size: int) -> bytes:
    """Return bytes of which half can be compressed away, as in a database or a recorded session."""
    parts = []
    left = size
    while left > 0:
        part = chance.randbytes(2048) + b'{"event":"session.data","uid":"%032x"}' % chance.getrandbits(128) * 30
        parts.append(part[:left])
        left -= len(part)
    return b"".join(parts)


def recordings(root: Path, mebibytes: int) -> None:
    """Write recordings of at most 128 MiB."""
    part = content(random.Random(1), 8 * MEBIBYTE)
    left, number = mebibytes * MEBIBYTE, 0
    while left > 0:
        size = min(left, _IN_A_FILE)
        with open(root / _RECORDINGS / f"{number:03}.tar", "wb") as file:
            for start in range(0, size, len(part)):
                # Not the same block twice within what zstd remembers.
                at = (number * 16 + start // len(part)) * 4099 * 7 % len(part)
                file.write((part[at:] + part[:at])[: size - start])
        left, number = left - size, number + 1


def small_files(root: Path, number: int) -> None:
    """Write `number` files of at most 1,500 bytes, a thousand in a directory."""
    chance = random.Random(2)
    for each in range(number):
        folder = root / _RECORDINGS / f"{each // _IN_A_FOLDER:03}"
        if each % _IN_A_FOLDER == 0:
            folder.mkdir()
        with open(f"{folder}/session-{each:06}.json", "wb") as file:
            file.write(content(chance, chance.randrange(1, 1500)))


Maker = Callable[[Path, int], None]
