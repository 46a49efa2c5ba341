"""The manifest of an archive: one JSON object in each line.

    {"format": 1, "header": {...}}                  first: the header again, so that the manifest is complete in itself
    {"path": ..., "kind": "file", ..., "sha256": ...}   each member, in the archive's order
    {"left_out": path, "note": text}                a file that is not in it, and why
    {"left_out": path, "note": text, "missing": true}   the same of a file that belongs in it
    {"entries": 3, "files": 2, "content": 10, "data": 10}   last: the totals

A byte of a name that is not UTF-8 is written as the lone surrogate that os.fsdecode makes of it: 0xFF is "\\udcff".
A line has one form only, so that what is read can be compared with what would be written.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

from teleport_bootstrap import json_data, regex
from teleport_bootstrap.archive import interface
from teleport_bootstrap.archive.interface import Entry, Note, Totals
from teleport_bootstrap.hints import Any

# A name and the target of a link have at most 4095 bytes each, and JSON uses at most six characters for a byte.
LONGEST_LINE = 128 * 1024
LARGEST_HEADER = 1024 * 1024

# The kernel's limit for times in nanoseconds.
_LARGEST = 2**63 - 1
_SECOND = 1_000_000_000

# The line of a file or a directory as most are: nothing in it is escaped, and nothing has a note or attributes.
_PLAIN = regex.compile(
    rb'\{"path": "([^"\\]*)", "kind": "(file|directory)", "mode": "([0-7]+)", "owner": "([^"\\]*)", '
    rb'"group": "([^"\\]*)", "uid": ([0-9]+), "gid": ([0-9]+), "mtime": (-?[0-9]+)'
    rb'(?:, "size": ([0-9]+), "sha256": "([0-9a-f]*)")?\}\n'
)
_TIME = b', "mtime": '
_NUMBER = regex.compile(rb"0|-?[1-9][0-9]{0,19}")

_dump = json.JSONEncoder(ensure_ascii=True, separators=(", ", ": ")).encode


class Malformed(Exception):
    """A line does not belong in a manifest; the text says why."""


def line(entry: Entry) -> bytes:
    path, kind, mode, uid, gid, owner, group, mtime, size, sha256, link, xattrs, note = entry
    content = f', "size": {size}, "sha256": "{sha256}"' if kind == interface.FILE else ""
    more = ""
    if link or xattrs or note:
        more += f', "link": {_quoted(link)}' if link else ""
        more += f', "xattrs": "{xattrs}"' if xattrs else ""
        more += f', "note": {_dump(note)}' if note else ""
    ownership = _ownership(mode, uid, gid, owner, group)
    text = f'{{"path": {_quoted(path)}, "kind": "{kind}"{ownership}, "mtime": {mtime}{content}{more}}}\n'
    return text.encode("ascii")


@functools.lru_cache(maxsize=256)
def _ownership(mode: int, uid: int, gid: int, owner: str, group: str) -> str:
    return f', "mode": "{mode:04o}", "owner": {_dump(owner)}, "group": {_dump(group)}, "uid": {uid}, "gid": {gid}'


def _quoted(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return _dump(text)


def _line(values: Mapping[str, Any]) -> bytes:
    return (_dump(values) + "\n").encode("ascii")


def note_line(note: Note) -> bytes:
    return _line({"left_out": note.path, "note": note.text, **({"missing": True} if note.missing else {})})


def first_line(header: Mapping[str, Any]) -> bytes:
    """Return the first line; `header` with `format` in it."""
    return _line({"format": interface.FORMAT, "header": header})


def last_line(totals: Totals) -> bytes:
    return _line(vars(totals))


def note(text: bytes, values: Mapping[str, Any]) -> Note:
    """Return the note in a line with these values. Raises Malformed."""
    found = Note(str(values.get("left_out")), str(values.get("note")), values.get("missing") is True)
    if note_line(found) != text:
        raise Malformed("has a line that this agent does not write")
    return found


def as_listed(seen: Entry, text: bytes, values: Mapping[str, Any]) -> Entry | None:
    """Return the entry in a line with these values; None where it is not that of the member that was `seen`.

    Only the nanoseconds of the time and a note are taken from the line; all else is what was read from the tar.
    """
    mtime, note = values.get("mtime"), values.get("note", "")
    if type(mtime) is not int or abs(mtime) > _LARGEST or type(note) is not str:
        return None
    entry = seen._replace(mtime=mtime, note=note)
    return entry if entry.of_headers() == seen and line(entry) == text else None


def is_as_seen(seen: bytes, text: bytes) -> bool:
    """Return whether a line is the one of the member that was `seen`, but for the nanoseconds of its time.

    It then is what `as_listed` accepts without a note, as nearly all lines are, found without reading any JSON. In a
    path or a name a quotation mark comes after a backslash, so that the first time found is the member's.
    """
    start = seen.find(_TIME) + len(_TIME)
    whole, exact = _NUMBER.match(seen, start), _NUMBER.match(text, start)
    if whole is None or exact is None or seen[:start] != text[:start]:
        return False
    mtime = int(exact[0])
    is_same_time = mtime // _SECOND * _SECOND == int(whole[0]) and abs(mtime) <= _LARGEST
    return is_same_time and seen[whole.end() :] == text[exact.end() :]


def entry(text: bytes) -> Entry:
    """Return the entry in a line that `line` has written."""
    found = _PLAIN.fullmatch(text)
    if found is not None:
        path, kind, mode, owner, group, uid, gid, mtime, size, sha256 = found.groups(default=b"")
        names = path.decode(), kind.decode(), owner.decode(), group.decode()
        ids, digest = (int(mode, 8), int(uid), int(gid)), sha256.decode()
        return Entry(*names[:2], *ids, *names[2:], int(mtime), int(size or b"0"), digest)
    values = json_data.parsed(text)
    return Entry(mode=int(values.pop("mode"), 8), **values)


def json_object(text: bytes) -> dict[str, Any]:
    """Return the mapping that `text` is as JSON. Raises Malformed."""
    try:
        values = json_data.parsed(text)
    except (ValueError, RecursionError):
        raise Malformed("has a line that is not JSON") from None
    if not isinstance(values, dict):
        raise Malformed("has a line that is not a JSON object")
    return values
