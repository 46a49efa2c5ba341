"""Reading the tar that `tar_headers` writes, and no other.

An archive may come from anywhere. Every header is parsed, written again from what was parsed, and compared: one that
differs in a single byte from what this agent would have written is refused. So nothing depends on how a tar reader
takes numbers with blanks, repeated records, or names in three places. Python's tarfile accepts
all of these, and takes longer for a header than all of this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from teleport_bootstrap.archive import tar_headers
from teleport_bootstrap.archive.tar_headers import LARGEST_PAX, LONGEST_NAME, RECORD, Head

# Lines of a sparse map, two for each stretch of data; also what one writes at most.
MOST_SEGMENTS = 65_536
_LONGEST_MAP = RECORD * (1 + (MOST_SEGMENTS + 1) * 40 // RECORD)

_TYPES = (tar_headers.REGULAR, tar_headers.LINK, tar_headers.SYMBOLIC, tar_headers.DIRECTORY)
_REFUSED = {b"3": "a character device", b"4": "a block device", b"6": "a named pipe", b"g": "global pax records"}
_NUMBERS = ("GNU.sparse.major", "GNU.sparse.minor", "GNU.sparse.realsize", "gid", "mtime", "size", "uid")

# 2 ** 32 - 1 would mean: leave the owner as it is.
_LARGEST_ID = 2**32 - 2


class Refused(Exception):
    """A member that this agent would not have written; `path` may be empty where it is not known."""

    def __init__(self, path: bytes, text: str) -> None:
        super().__init__(text)
        self.path = path
        self.text = text


@dataclass(frozen=True)
class Member:
    """A member as its headers describe it. `segments` are the stretches of data of a sparse file, None for others.

    `data` is how many bytes of content follow (a map has been read); `size` is that of the file, holes included.
    """

    head: Head
    size: int
    data: int
    segments: tuple[tuple[int, int], ...] | None = None


# Returns the next so many bytes of the tar, all of them; raises where there are fewer.
Take = Callable[[int], bytes]


def member(take: Take) -> Member | None:
    """Return the member whose headers come next, None at the end of the tar. Raises Refused."""
    raw = take(RECORD)
    if raw == bytes(RECORD):
        if take(RECORD) != bytes(RECORD):
            raise Refused(b"", "data follows the end of the tar")
        return None
    whole = [raw]
    extra: dict[bytes, bytes] = {}
    while raw[156:157] in (tar_headers.LONG_NAME, tar_headers.LONG_LINK, tar_headers.PAX):
        kind = raw[156:157]
        limit = LARGEST_PAX if kind == tar_headers.PAX else LONGEST_NAME + 1
        size = _octal(raw, 124, 12)
        if kind in extra or not 0 < size <= limit:
            raise Refused(b"", f"a long name or pax records of {size} bytes, or repeated ones")
        data = take(size + -size % RECORD)
        extra[kind] = data[:size]
        whole.append(data)
        raw = take(RECORD)
        whole.append(raw)
    head = _head(raw, extra)
    if head.pack() != b"".join(whole):
        raise Refused(head.name, "has a header that this agent does not write")
    return _with_map(head, take)


def _head(raw: bytes, extra: dict[bytes, bytes]) -> Head:
    kind = raw[156:157]
    name = extra[tar_headers.LONG_NAME][:-1] if tar_headers.LONG_NAME in extra else _text(raw, 0, 100)
    if kind not in _TYPES:
        raise Refused(name, f"is {_REFUSED.get(kind, 'of an unknown type')}, which does not belong in a backup")
    values = _pax(name, extra.get(tar_headers.PAX, b""))
    numbers = {keyword: _number(name, values.pop(keyword)) for keyword in _NUMBERS if keyword in values}
    owner = values.pop("uname", None)
    group = values.pop("gname", None)
    xattrs = {}
    for keyword, value in values.items():
        if not keyword.startswith(tar_headers.XATTR_PREFIX):
            raise Refused(name, f"has a pax record {keyword[:40]!r}, which this agent does not write")
        xattrs[keyword[len(tar_headers.XATTR_PREFIX) :]] = value
    head = Head(
        name=name,
        type=kind,
        mode=_octal(raw, 100, 8),
        uid=numbers.get("uid", _octal(raw, 108, 8)),
        gid=numbers.get("gid", _octal(raw, 116, 8)),
        owner=_text(raw, 265, 32) if owner is None else owner,
        group=_text(raw, 297, 32) if group is None else group,
        mtime=numbers.get("mtime", _octal(raw, 136, 12)),
        stored=numbers.get("size", _octal(raw, 124, 12)),
        link=extra[tar_headers.LONG_LINK][:-1] if tar_headers.LONG_LINK in extra else _text(raw, 157, 100),
        real=numbers.get("GNU.sparse.realsize"),
        xattrs=xattrs,
    )
    if not (0 <= head.uid <= _LARGEST_ID and 0 <= head.gid <= _LARGEST_ID and head.stored >= 0):
        raise Refused(name, "has an impossible owner or size")
    return head


def _with_map(head: Head, take: Take) -> Member:
    if head.type != tar_headers.REGULAR:
        if head.stored or head.real is not None:
            raise Refused(head.name, "has data, and is not a regular file")
        return Member(head, 0, 0)
    if head.real is None:
        return Member(head, head.stored, head.stored)
    collected = bytearray()
    lines, wanted = 0, 1
    while lines < wanted:
        if len(collected) >= min(head.stored, _LONGEST_MAP):
            raise Refused(head.name, "has a map of holes that is longer than its data, or has no end")
        record = take(RECORD)
        collected += record
        lines += record.count(b"\n")
        if wanted == 1 and lines:
            wanted = 1 + 2 * _number(head.name, bytes(collected[: collected.index(b"\n")]))
            if not 1 < wanted <= 1 + 2 * (MOST_SEGMENTS + 1):
                raise Refused(head.name, f"has a map of holes of {wanted} lines")
    text = bytes(collected)
    numbers = [_number(head.name, line) for line in text.split(b"\n", wanted)[:wanted]]
    segments = list(zip(numbers[1::2], numbers[2::2]))
    if segments[-1] == (head.real, 0):
        del segments[-1]
    reached = 0
    for start, length in segments:
        if length < 1 or start < reached:
            raise Refused(head.name, "has a map of holes that is not in order")
        reached = start + length
    data = sum(length for _, length in segments)
    if reached > head.real or text != tar_headers.sparse_map(segments, head.real) or head.stored != len(text) + data:
        raise Refused(head.name, "has a map of holes that does not match its size")
    return Member(head, head.real, data, tuple(segments))


def _octal(raw: bytes, start: int, size: int) -> int:
    """Return a number as ustar has it; whether it was written in just this way shows when it is written again."""
    digits = raw[start : start + size - 1]
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise Refused(_text(raw, 0, 100), "has a header field that is not a number")
    return int(digits, 8)


def _text(raw: bytes, start: int, size: int) -> bytes:
    return raw[start : start + size].split(b"\0", 1)[0]


def _number(name: bytes, digits: bytes) -> int:
    plain = digits[1:] if digits.startswith(b"-") else digits
    if not plain.isdigit() or len(plain) > 19:
        raise Refused(name, "has a record that is not a number")
    return int(digits)


def _pax(name: bytes, records: bytes) -> dict[str, bytes]:
    values: dict[str, bytes] = {}
    at = 0
    while at < len(records):
        blank = records.find(b" ", at, at + 8)
        digits = records[at:blank] if blank != -1 else b""
        length = int(digits) if digits.isdigit() else 0
        keyword, equals, value = records[blank + 1 : at + length - 1].partition(b"=")
        if length < 5 or at + length > len(records) or not equals:
            raise Refused(name, "has malformed pax records")
        values[keyword.decode("utf-8", "surrogateescape")] = value
        at += length
    return values
