"""Lines of an archive's manifest: what is read is what would be written, byte for byte, or the line is refused."""

from __future__ import annotations

from teleport_bootstrap.archive import interface, manifest
from tests.fuzz.oracle import holds, same

LONGEST = 1024
SEEN = [
    interface.Entry("var/lib/a", interface.FILE, 0o600, 0, 0, "root", "root", 10**9, 3, "ab" * 32),
    interface.Entry("var/lib", interface.DIRECTORY, 0o755, 7, 8, "a\udcff", "b", 0),
    interface.Entry("l", interface.SYMLINK, 0o777, 0, 0, "", "", 5 * 10**9, link='x"\\\u20ac'),
]


def check(data: bytes) -> None:
    """Read one line, and judge it as that of several members."""
    text = data.partition(b"\n")[0] + b"\n"
    try:
        values = manifest.json_object(text)
    except manifest.Malformed as malformed:
        holds(str(malformed), text)
        return
    try:
        note = manifest.note(text, values)
    except manifest.Malformed:
        pass
    else:
        same(manifest.note_line(note), text)
        holds(note.describe().isprintable(), note)
    for seen in SEEN:
        entry = manifest.as_listed(seen, text, values)
        if entry is not None:
            same(manifest.line(entry), text)
            same(entry.of_headers(), seen)
            same(manifest.entry(text), entry)
