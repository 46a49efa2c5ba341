"""Lines of a manifest: one form for each, any name in it, nothing else accepted."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap.archive import interface, manifest
from teleport_bootstrap.archive.interface import Entry

ENTRY = Entry(
    "var/lib/teleport/host_uuid", "file", 0o400, 1, 2, "teleport", "adm", 1_700_000_000_123_456_789, 36, "ab" * 32
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
        "sha256": "ab" * 32,
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
    assert manifest.parse(text) == manifest.kept_entry(text) == entry
    assert text.endswith(b"\n") and text.count(b"\n") == 1 and text.isascii()


def test_notes_and_totals_are_read_as_they_were_written() -> None:
    note, totals = interface.Note("a\udcff\n", 'it "is" so'), interface.Totals(1, 2, 3, 4)
    assert manifest.parse(manifest.note_line(note)) == note
    assert manifest.parse(manifest.last_line(totals)) == totals


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
        LINE.replace("abab", "ݵabab"[:4], 1),
        LINE.replace("abab", "AB", 1),
        LINE.replace('"sha256"', '"md5"'),
        LINE.replace('"mode": "0400", ', ""),
        LINE.replace("}", ', "extra": 1}'),
        LINE.replace("{", '{"path": "other", ', 1),
        LINE.replace("}", ', "note": 1}'),
        '{"left_out": 1, "note": "x"}\n',
        '{"entries": "1", "files": 1, "content": 1, "data": 1}\n',
    ],
)
def test_every_other_line_is_malformed(text: str) -> None:
    with pytest.raises(manifest.Malformed):
        manifest.parse(text.encode())
