"""The arguments and results of `pack`, `verify` and `unpack`.

docs/backup-format.md describes every byte of an archive: a compressed tar of a header, the files and a manifest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from teleport_bootstrap import escaping, records
from teleport_bootstrap.hints import Any, NamedTuple, Protocol, Union
from teleport_bootstrap.records import dataclass, field

# The archive's own two members; no file of the host may have such a path.
OWN = "teleport-backup"
HEADER = f"{OWN}/header.json"
MANIFEST = f"{OWN}/manifest.jsonl"

# The version of this format, which is in the header. An archive with a higher one is refused.
FORMAT = 1

# `progress(done, entries)`: how many bytes and entries are done. For pack, bytes of tar, that is files and little more;
# for verify and unpack, bytes of the archive, of `Source.size`. Called often, in the caller's thread; what it raises
# ends the work.
Progress = Callable[[int, int], None]


class Stream(Protocol):
    """Bytes that are read once, from the first to the last."""

    def read(self, size: int, /) -> bytes:
        """Return the next 1 to `size` bytes; none only at the end. Raises a catalogue error, or OSError."""

    def close(self) -> None:
        """Release what reading took; it may have stopped anywhere."""


class Source(Protocol):
    """An archive that can be read several times, and gives the same bytes each time or raises.

    `name` is for messages: a path, or s3://bucket/key; `size` is in bytes, None where it is unknown.
    """

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int | None: ...

    def open(self) -> Stream:
        """Return its bytes from the first on. Raises a catalogue error."""


class Sink(Protocol):
    """Where an archive is written to."""

    def write(self, data: bytes, /) -> Any:
        """Take all of `data`, or raise a catalogue error or OSError; the returned value is ignored."""


# ---- arguments of pack ----


@dataclass(frozen=True)
class Take:
    """Archive the file as it is; of a directory, choose for each file in it."""


@dataclass(frozen=True)
class Leave:
    """Leave the file out, or the directory with all in it; a `note` is reported and kept in the manifest.

    `missing`: it belongs in the archive, which is then incomplete.
    """

    note: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Instead:
    """Archive other content under the file's name, owner, mode, times and extended attributes.

    `open` is called once, when it is the file's turn, and returns a descriptor of a regular file that no process
    changes; pack reads it from its beginning and closes it. Raising Gone leaves the file out with a note; raising a
    catalogue error leaves it out too, and the archive is incomplete.
    """

    open: Callable[[], int]
    note: str = ""


class Gone(Exception):
    """Raised by Instead.open: the file is no longer available; the text says why, and becomes a note."""


Choice = Union[Take, Leave, Instead]
TAKE = Take()


@dataclass(frozen=True)
class Tree:
    """A file or a directory with all in it, to be archived.

    `path` is absolute, as the instance sees it; trees do not overlap. A path that does not exist is left out silently;
    a symbolic link is an error, because its target would be missing.
    `hostile`: another account can change the tree at any moment. Then a file with several links that does not belong to
    the owner of the tree's top is left out with a note: it may be a file of another account, linked into the tree.
    `choose(path, facts)` is called for each name in it, the top included, with the facts of the name itself, links not
    followed. It must not touch the file. Sockets and the like are left out with a note, unless `choose` did that.
    What cannot be read is left out, and the archive is incomplete. `needed(path)`: it is incomplete without this file
    also where a pipe has its place, or where it vanished, which is usual for others.
    """

    path: str
    hostile: bool = False
    choose: Callable[[str, os.stat_result], Choice] = lambda _path, _facts: TAKE
    needed: Callable[[str], bool] = lambda _path: False


# ---- results ----


@dataclass(frozen=True)
class Note:
    """A remark about one path, for those who rely on the archive.

    `missing`: the path belongs in the archive and is not in it, or not all of it.
    """

    path: str
    text: str
    missing: bool = False

    def describe(self) -> str:
        """Return the remark on one line; an archive may come from anywhere, with any text in it."""
        return f"{printable(self.path)}: {printable(self.text)}"


@dataclass(frozen=True)
class Totals:
    """The contents of an archive. `content` counts the bytes of regular files, holes included; `data` without holes."""

    entries: int = 0
    files: int = 0
    content: int = 0
    data: int = 0

    def with_one(self, kind: str, content: int, data: int) -> Totals:
        return Totals(self.entries + 1, self.files + (kind == FILE), self.content + content, self.data + data)


@dataclass
class Packed:
    """A finished archive of `size` bytes. `digest` is the SHA-256 at its end, in hexadecimal.

    `notes` holds the first NOTES_KEPT of `notes_in_all`, those on what is missing apart: `missing` holds the first
    NOTES_KEPT of `missing_in_all`. All are in the manifest. An archive with anything missing is incomplete.
    """

    digest: str
    size: int
    compression: str
    totals: Totals
    notes: tuple[Note, ...]
    notes_in_all: int
    missing: tuple[Note, ...]
    missing_in_all: int


NOTES_KEPT = 100


@dataclass
class Notes:
    """Collects notes: keeps the `first` NOTES_KEPT and counts them `in_all`; apart, the same for what is `missing`."""

    first: list[Note] = field(default_factory=list)
    in_all: int = 0
    missing: list[Note] = field(default_factory=list)
    missing_in_all: int = 0

    def add(self, note: Note) -> None:
        if note.missing:
            self.missing_in_all += 1
            if len(self.missing) < NOTES_KEPT:
                self.missing.append(note)
            return
        self.in_all += 1
        if len(self.first) < NOTES_KEPT:
            self.first.append(note)


FILE = "file"
DIRECTORY = "directory"
SYMLINK = "symlink"
HARDLINK = "hardlink"


class Entry(NamedTuple):
    """A member of an archive, as its manifest describes it.

    `path` is without the leading slash. `size`: bytes of a regular file, holes included. `mtime`: nanoseconds since
    1970. `link`: the target of a symbolic link, or the path of the member that a hard link is another name of.
    `sha256` of a regular file's content; `xattrs`: SHA-256 over its extended attributes, empty where it has none.
    `note`: what pack reported.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    owner: str
    group: str
    mtime: int
    size: int = 0
    sha256: str = ""
    link: str = ""
    xattrs: str = ""
    note: str = ""

    def of_headers(self) -> Entry:
        """Return this with only what the member's headers and content tell: times are whole seconds there."""
        return self._replace(mtime=self.mtime // 1_000_000_000 * 1_000_000_000, note="")


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most. `data` counts what would be written to a disk, `content` holes too."""

    data: int = 16 * 1024**4
    content: int = 16 * 1024**4
    holes: int = 256 * 1024**3
    entries: int = 10_000_000

    def with_room(self, free: int) -> Limits:
        """Return these, for a target with `free` bytes."""
        return records.replace(self, data=min(self.data, free))


class Lines(Protocol):
    """The lines of a manifest, which can be read several times."""

    def rewind(self) -> int:
        """Go back to the first one."""

    def lines(self) -> Iterator[Any]:
        """Return those from here to the end."""

    def close(self) -> None:
        """Release what they take."""


@dataclass
class Verified(Packed):
    """An archive that was read from its first to its last byte: it is undamaged, and safe to unpack.

    `header` is the mapping that was given to pack, with `format` added. `links_outside` counts the symbolic links that
    lead out of what is archived (they are data, and never followed); `first_links_outside` has the first few.
    `kept` is the content of the files that verify was told to keep, by path.
    Holds an unnamed temporary file until it is closed; use as a context manager.
    """

    name: str
    header: Mapping[str, Any]
    lines: Lines
    parse: Callable[[Any], Entry]
    kept: Mapping[str, bytes]
    links_outside: int = 0
    first_links_outside: tuple[str, ...] = ()

    def entries(self) -> Iterator[Entry]:
        """Yield what the manifest says of each member, in the archive's order; only one of these at a time."""
        self.lines.rewind()
        for line in self.lines.lines():
            yield self.parse(line)

    def close(self) -> None:
        self.lines.close()

    def __enter__(self) -> Verified:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Unpacked:
    """The result of unpack: `totals` of what was written, and notes on what could not be restored exactly."""

    totals: Totals
    notes: tuple[Note, ...]
    notes_in_all: int


def printable(path: str) -> str:
    """Return text from an archive for a message: on one line, printable, and at most about 300 characters."""
    text = escaping.one_line(path)
    return text if len(text) <= 300 else f"{text[:140]}...{text[-140:]}"
