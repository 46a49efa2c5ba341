"""Any bytes as the tar in an archive: a header that this agent would not have written is refused, whatever it is."""

from __future__ import annotations

from teleport_bootstrap.archive import compression, tar
from tests.fuzz import archive_oracle
from tests.fuzz.oracle import holds, same
from tests.unit.archive import crafted

LONGEST = 8192


def check(data: bytes) -> None:
    """Read headers from `data`, with the checksums put right, and seal it as an archive."""
    summed = _with_checksums(data)
    at = 0

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        if at > len(summed):
            raise compression.Broken("cut off")
        return summed[at - size : at]

    try:
        while (member := tar.read(take)) is not None:
            same(member.headers(), summed[at - len(member.headers()) : at])
            holds(member.data >= 0 and member.entry.size >= member.data, member)
            same(sum(length for _, length in member.stretches), member.data)
            take(member.data + member.padding)
    except (tar.Refused, compression.Broken):
        pass
    archive_oracle.judge(crafted.sealed(summed))


def _with_checksums(data: bytes) -> bytes:
    """Return `data` with the checksum of each record that looks like a header."""
    records = [data[start : start + tar.RECORD].ljust(tar.RECORD, b"\0") for start in range(0, len(data), tar.RECORD)]
    return b"".join(map(_with_checksum, records))


def _with_checksum(record: bytes) -> bytes:
    if record[257:262] != b"ustar":
        return record
    blank = record[:148] + b" " * 8 + record[156:]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]
