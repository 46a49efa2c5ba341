"""The manifest of an archive: one JSON object in each line.

    {"format": 1, "header": {...}}                  first: the header again, so that the manifest is complete in itself
    {"path": ..., "kind": "file", ..., "sha256": ...}   each member, in the archive's order
    {"left_out": path, "note": text}                a file that is not in it, and why
    {"entries": 3, "files": 2, "content": 10, "data": 10}   last: the totals

A byte of a name that is not UTF-8 is written as the lone surrogate that os.fsdecode makes of it: 0xFF is "\\udcff".
A line has one form only, so that what is read can be compared with what would be written.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from teleport_bootstrap.archive import interface
from teleport_bootstrap.archive.interface import Entry, Note, Totals

# A name and the target of a link have at most 4095 bytes each, and JSON uses at most six characters for a byte.
LONGEST_LINE = 128 * 1024
LARGEST_HEADER = 1024 * 1024

# The kernel's limit for sizes and, in nanoseconds, for times.
_LARGEST = 2**63 - 1

_KINDS = (interface.FILE, interface.DIRECTORY, interface.SYMLINK, interface.HARDLINK)
_DIGEST = re.compile("([0-9a-f]{64})?")

_dump = json.JSONEncoder(ensure_ascii=True, separators=(", ", ": ")).encode


class Malformed(Exception):
    """A line does not belong in a manifest; the text says why."""


def line(entry: Entry) -> bytes:
    parts = [f'{{"path": {_quoted(entry.path)}, "kind": "{entry.kind}"']
    parts.append(_ownership(entry.mode, entry.uid, entry.gid, entry.owner, entry.group))
    parts.append(f', "mtime": {entry.mtime}')
    if entry.kind == interface.FILE:
        parts.append(f', "size": {entry.size}, "sha256": "{entry.sha256}"')
    if entry.link:
        parts.append(f', "link": {_quoted(entry.link)}')
    if entry.xattrs:
        parts.append(f', "xattrs": "{entry.xattrs}"')
    if entry.note:
        parts.append(f', "note": {_dump(entry.note)}')
    parts.append("}\n")
    return "".join(parts).encode("ascii")


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
    return _line({"left_out": note.path, "note": note.text})


def first_line(header: Mapping[str, Any]) -> bytes:
    """Return the first line; `header` with `format` in it."""
    return _line({"format": interface.FORMAT, "header": header})


def last_line(totals: Totals) -> bytes:
    return _line(vars(totals))


def parse(text: bytes) -> Entry | Note | Totals:
    """Return the meaning of a line after the first. Raises Malformed."""
    values = json_object(text)
    found: Entry | Note | Totals
    try:
        if "entries" in values:
            found = totals = Totals(**_all_of_type(int, values))
            again = last_line(totals)
        elif "left_out" in values:
            found = note = Note(*_all_of_type(str, values).values())
            again = note_line(note)
        else:
            found = entry = _entry(values)
            again = line(entry)
    except (KeyError, TypeError, ValueError):
        raise Malformed("has a line in which something is missing or impossible") from None
    if again != text:
        raise Malformed("has a line that this agent does not write")
    return found


def _all_of_type(wanted: type, values: dict[str, Any]) -> dict[str, Any]:
    if any(type(value) is not wanted for value in values.values()):
        raise TypeError
    return values


def _entry(values: dict[str, Any]) -> Entry:
    """Return the entry with these values; raise an error of Python for wrong ones."""
    numbers = {name: values.get(name, 0) for name in ("uid", "gid", "mtime", "size")}
    _all_of_type(int, numbers)
    _all_of_type(str, {name: value for name, value in values.items() if name not in numbers})
    entry = Entry(**{**values, "mode": int(values["mode"], 8)})
    # `line` writes these without quoting.
    is_plain = entry.kind in _KINDS and _DIGEST.fullmatch(entry.sha256) and _DIGEST.fullmatch(entry.xattrs)
    if not is_plain or not 0 <= entry.mode <= 0o7777 or any(abs(number) > _LARGEST for number in numbers.values()):
        raise ValueError
    return entry


def kept_entry(text: bytes) -> Entry:
    """Return the entry in a line that `parse` has accepted before, without checking it again."""
    values = json.loads(text)
    return Entry(mode=int(values.pop("mode"), 8), **values)


def json_object(text: bytes) -> dict[str, Any]:
    """Return the mapping that `text` is as JSON. Raises Malformed."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("has a line that is not JSON") from None
    if not isinstance(values, dict):
        raise Malformed("has a line that is not a JSON object")
    return values
