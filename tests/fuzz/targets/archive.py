"""Archives of any members, sealed as an attacker can: refused, or unpacked inside the target as the manifest says."""

from __future__ import annotations

from teleport_bootstrap.archive import interface, manifest
from teleport_bootstrap.archive import tar as headers
from tests.fuzz import archive_oracle
from tests.unit.archive import crafted

LONGEST = 2048
TYPES = (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"g", b"7", b"S")


def check(data: bytes) -> None:
    """Make an archive of the members that lines describe; after a line `%%`, of that manifest."""
    described, separator, lines = data.partition(b"\n%%\n")
    members = [member(line) for line in described.split(b"\n")[:20] if line]
    tar = crafted.tar(members) if not separator else _with_manifest(members, lines)
    archive_oracle.judge(crafted.sealed(tar))


def member(line: bytes) -> tuple[crafted.Head, bytes]:
    """Return the member that a line describes: type, path, mode, owners by number and name, time, content or link."""
    fields = [*line.split(b"\t", 8), *[b""] * 9][:9]
    type, path, mode, uid, gid, owner, group, mtime, rest = fields
    type = type if type in TYPES else b"0"
    is_file = type not in (b"1", b"2", b"5")
    facts = {"mode": number(mode, 8) & 0o7777, "uid": number(uid) % 2**32, "gid": number(gid) % 2**32}
    names = {"owner": text(owner)[:80], "group": text(group)[:80]}
    link = text(rest) if type in (b"1", b"2") else ""
    content = rest if is_file else b""
    head = crafted.head(text(path), type, stored=len(content), mtime=number(mtime) % 2**40, link=link, **facts, **names)
    return head, content


def text(field: bytes) -> str:
    """Return a name as the file system has it."""
    return field.decode("utf-8", "surrogateescape")


def number(field: bytes, base: int = 10) -> int:
    """Return a number, 0 for what is none."""
    try:
        return int(field[:12], base)
    except ValueError:
        return 0


def _with_manifest(members: list[tuple[crafted.Head, bytes]], lines: bytes) -> bytes:
    """Return a tar whose manifest has its first line and then `lines`."""
    parts = [crafted.own(interface.HEADER, _HEADER)]
    parts += [head.pack() + headers.padded(content) for head, content in members]
    return b"".join([*parts, crafted.own(interface.MANIFEST, manifest.first_line(crafted.HEADER) + lines), headers.END])


_HEADER = b'{"cluster": "example", "format": %d}' % interface.FORMAT
