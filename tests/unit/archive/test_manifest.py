"""Lines of a manifest: one form for each, any name in it, nothing else accepted."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap import errors
from teleport_bootstrap.archive import interface, manifest, tar, verify
from teleport_bootstrap.archive.interface import Entry
from tests.unit.archive import crafted

CONTENT = b"0b5b8b9c-6f0f-4b8c-9f0e-0d9c5c0a7a11"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ENTRY = Entry(
    "var/lib/teleport/host_uuid", "file", 0o400, 1, 2, "teleport", "adm", 1_700_000_000_123_456_789, 36, SHA256
)


def test_a_line_is_what_the_documentation_shows() -> None:
    assert json.loads(manifest.line(ENTRY)) == {
        "path": "var/lib/teleport/host_uuid",
        "kind": "file",
        "mode": "0400",
        "owner": "teleport",
        "group": "adm",
        "uid": 1,
        "gid": 2,
        "mtime": 1_700_000_000_123_456_789,
        "size": 36,
        "sha256": SHA256,
    }


PATHS = st.binary(min_size=1, max_size=60).map(os.fsdecode)


@given(PATHS, st.sampled_from(["file", "directory", "symlink", "hardlink"]), PATHS, st.text(max_size=20), st.booleans())
def test_any_entry_is_read_as_it_was_written(path: str, kind: str, link: str, note: str, attributes: bool) -> None:
    is_link = kind.endswith("link")
    entry = ENTRY._replace(path=path, kind=kind, link=link if is_link else "", note=note)
    entry = entry._replace(xattrs="cd" * 32 if attributes else "")
    if kind != "file":
        entry = entry._replace(size=0, sha256="")
    text = manifest.line(entry)
    assert manifest.entry(text) == entry
    assert manifest.as_listed(entry.of_headers(), text, json.loads(text)) == entry
    assert text.endswith(b"\n") and text.count(b"\n") == 1 and text.isascii()


def accepted(seen: Entry, text: bytes) -> bool:
    """Whether a line is accepted as that of the member that was `seen`, by reading it as JSON; without a note."""
    try:
        listed = manifest.as_listed(seen, text, manifest.json_object(text))
    except manifest.Malformed:
        return False
    return listed is not None and not listed.note


TIMES = st.integers(-(2**64), 2**64) | st.integers(-3, 3)


@given(PATHS, st.sampled_from(["file", "directory"]), PATHS, TIMES, TIMES, st.data())
def test_a_line_that_is_found_to_be_as_seen_is_one_that_is_accepted(
    path: str, kind: str, owner: str, mtime: int, other: int, data: st.DataObject
) -> None:
    """Also where a path or a name looks like a part of a line."""
    path += data.draw(st.sampled_from(["", ', "mtime": 5', '", "mtime": 5', "\\"]))
    entry = ENTRY._replace(path=path, kind=kind, owner=owner, mtime=mtime)
    entry = entry if kind == "file" else entry._replace(size=0, sha256="")
    seen, text = manifest.line(entry.of_headers()), bytearray(manifest.line(entry))
    assert manifest.is_as_seen(seen, bytes(text)) == accepted(entry.of_headers(), bytes(text))
    moved = manifest.line(entry._replace(mtime=other))
    assert manifest.is_as_seen(seen, moved) == accepted(entry.of_headers(), moved)
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(32, 126))
    if manifest.is_as_seen(seen, bytes(text)):
        assert accepted(entry.of_headers(), bytes(text))


@pytest.mark.parametrize("digits", ["-0", "00", "+1", "1_0", "1.0", "1e3", "", "01"])
def test_a_time_in_another_form_is_not_as_seen(digits: str) -> None:
    seen = manifest.line(ENTRY._replace(mtime=0))
    text = seen.replace(b'"mtime": 0', b'"mtime": ' + digits.encode())
    assert not manifest.is_as_seen(seen, text) and not accepted(ENTRY._replace(mtime=0), text)


def test_a_note_is_read_as_it_was_written() -> None:
    note = interface.Note("a\udcff\n", 'it "is" so')
    text = manifest.note_line(note)
    assert manifest.note(text, json.loads(text)) == note


LINE = manifest.line(ENTRY).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "[]\n",
        "{}\n",
        "1\n",
        "[" * 100_000 + "\n",
        LINE.rstrip(),
        LINE.replace('": ', '":', 1),
        LINE.replace('"0400"', '"400"'),
        LINE.replace('"0400"', '"9999"'),
        LINE.replace('"0400"', '"777777"'),
        LINE.replace('"size": 36', '"size": "36"'),
        LINE.replace('"size": 36', '"size": 36.0'),
        LINE.replace('"size": 36', '"size": true'),
        LINE.replace('"size": 36', f'"size": {2**64}'),
        LINE.replace('"file"', '"device"'),
        LINE.replace(SHA256[:4], "\u0775" + SHA256[1:4], 1),
        LINE.replace(SHA256, SHA256.upper()),
        LINE.replace('"sha256"', '"md5"'),
        LINE.replace('"mode": "0400", ', ""),
        LINE.replace("}", ', "extra": 1}'),
        LINE.replace("{", '{"path": "other", ', 1),
        LINE.replace("}", ', "note": 1}'),
        '{"left_out": 1, "note": "x"}\n',
        '{"left_out": "a", "note": ["x"]}\n',
        '{"left_out": "a", "other": "x"}\n',
        '{"entries": "1", "files": 1, "content": 1, "data": 1}\n',
        LINE.replace('"mtime": 1700000000123456789', '"mtime": 1700000000123456789.0'),
        LINE.replace('"mtime": 1700000000123456789', '"mtime": 1800000000123456789'),
        LINE.replace("}", ', "note": ""}'),
    ],
)
def test_refuses_every_other_line(text: str) -> None:
    """As the one line between the first and the last of a manifest."""
    first, last = manifest.first_line(crafted.HEADER), manifest.last_line(interface.Totals(1, 1, 36, 36))
    assert is_accepted(first + LINE.encode() + last)
    assert not is_accepted(first + text.encode() + last)
    assert not text or not is_accepted(first + LINE.encode() + text.encode() + last)


def is_accepted(text: bytes) -> bool:
    """Return whether `verify` accepts an archive of one file with this manifest."""
    facts = {"mode": ENTRY.mode, "uid": ENTRY.uid, "gid": ENTRY.gid, "owner": ENTRY.owner, "group": ENTRY.group}
    head, content = crafted.file(ENTRY.path, CONTENT, **facts)
    parts = [crafted.own(interface.HEADER, json.dumps(crafted.HEADER).encode()), head.pack(), tar.padded(content)]
    archive = crafted.sealed(b"".join([*parts, crafted.own(interface.MANIFEST, text), tar.END]))
    try:
        verify.verify(crafted.InMemory(archive)).close()
    except (errors.ArchiveUnsafe, errors.ArchiveDamaged):
        return False
    return True
