"""Writing an archive."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping

from teleport_bootstrap import json_data, paths
from teleport_bootstrap.archive import compression as compressing
from teleport_bootstrap.archive import interface, manifest, stream, tar, walk
from teleport_bootstrap.archive.members import Members
from teleport_bootstrap.archive.spool import Spool
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import accounts


def pack(
    sink: interface.Sink,
    header: Mapping[str, Any],
    trees: Iterable[interface.Tree],
    *,
    root: paths.Root,
    compression: str | None = None,
    progress: interface.Progress | None = None,
    missing: Iterable[interface.Note] = (),
) -> interface.Packed:
    """Write an archive of `trees` to `sink`, in one pass and in bounded memory; return what was written.

    `header` is a mapping that JSON can hold, up to a mebibyte; its keys are the caller's, except `format`. It must not
    hold a secret: it is read without unpacking. `compression` is `zstd` or `gzip`; None means the best that this
    machine has. Trees are archived in the order of their paths.

    A small file that changes while it is read is read again, up to three times. One that still changes, or a large
    one that changes, is archived as it was read, with a note. One that vanishes is left out with a note. One that
    cannot be read is left out too, and the archive is incomplete; `missing` are notes on what the caller already knows
    to be missing.

    Raises FileTrouble for a symbolic link in place of a tree and where this process cannot read any file,
    CompressorTrouble where compressing fails, and what the sink or a tree's functions raise. What was written by then
    is not an archive.
    """
    ordered = _in_order(trees)
    text = _header_text(header)
    compressed = compression or compressing.best()
    size = offset = 0

    def count(length: int) -> None:
        nonlocal offset
        offset += length

    with Spool() as spool, stream.Digest() as digest:
        members = Members(spool, accounts.Names(root))
        with (
            contextlib.closing(_tar(text, ordered, tuple(missing), members, spool, root)) as parts,
            contextlib.closing(stream.archive(parts, compressed, digest, count)) as pieces,
        ):
            for data in pieces:
                sink.write(data)
                size += len(data)
                if progress is not None:
                    progress(offset, members.entries)
        seal = digest.digest().hex()
    if progress is not None:
        progress(offset, members.entries)
    notes = members.notes
    found = tuple(notes.first), notes.in_all, tuple(notes.missing), notes.missing_in_all
    return interface.Packed(seal, size, compressed, members.totals, *found)


def _tar(  # noqa: PLR0917
    header: bytes,
    trees: Iterable[interface.Tree],
    missing: Iterable[interface.Note],
    members: Members,
    spool: Spool,
    root: paths.Root,
) -> Generator[bytes, None, None]:
    yield from _own_member(interface.HEADER, len(header), [header])
    spool.write(manifest.first_line(json_data.parsed(header)))
    for each in missing:
        members.note(each)
    for tree in trees:
        for found in walk.walk(root, tree, functools.partial(members.left_out, tree)):
            yield from members.add(tree, found)
    spool.write(manifest.last_line(members.totals))
    yield from _own_member(interface.MANIFEST, spool.rewind(), spool.lines())
    yield tar.END


def _own_member(path: str, size: int, parts: Iterable[bytes]) -> Iterator[bytes]:
    now = int(time.time()) * 1_000_000_000
    member = tar.Member(interface.Entry(path, interface.FILE, 0o600, 0, 0, "root", "root", now, size))
    yield member.headers()
    yield from parts
    yield bytes(member.padding)


def _header_text(header: Mapping[str, Any]) -> bytes:
    text = (json.dumps({**header, "format": interface.FORMAT}, indent=2, allow_nan=False) + "\n").encode("ascii")
    if len(text) > manifest.LARGEST_HEADER:
        raise ValueError(f"a header of {len(text)} bytes is too large")
    return text


def _in_order(trees: Iterable[interface.Tree]) -> list[interface.Tree]:
    ordered = sorted(trees, key=lambda tree: os.fsencode(tree.path).split(b"/"))
    for tree in ordered:
        if os.path.normpath(tree.path) != tree.path or not tree.path.startswith("/") or tree.path == "/":
            raise ValueError(f"not a normal absolute path: {tree.path}")
    for one, other in zip(ordered, ordered[1:]):
        if other.path == one.path or other.path.startswith(f"{one.path}/"):
            raise ValueError(f"{one.path} and {other.path} overlap")
    if any(f"{tree.path}/".startswith(f"/{interface.OWN}/") for tree in ordered):
        raise ValueError(f"/{interface.OWN} is reserved for the archive")
    return ordered
