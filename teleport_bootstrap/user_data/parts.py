"""The parts of user-data: unpacked, decoded, and told apart as cloud-init does.

Source: cloud-init's documentation, "User-data formats", and its `handlers` (22.2 to 26.2).
"""

from __future__ import annotations

import base64
import binascii
import email
import email.message
import email.policy
import re
import zlib
from collections.abc import Iterator

import yaml

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Place
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.user_data import cloud_config, text, yaml_scalars
from teleport_bootstrap.user_data.holes import Hole, Holes
from teleport_bootstrap.user_data.text import Line, Text, Unknowable

CLOUD_CONFIG, BOOTHOOK = "cloud-config", "boothook"
# The kinds of scripts in the order in which cloud-init's final stage runs them.
PER_ONCE, PER_BOOT, PER_INSTANCE, SCRIPT = "per-once", "per-boot", "per-instance", "script"
SCRIPTS = (PER_ONCE, PER_BOOT, PER_INSTANCE, SCRIPT)
# EC2 User Guide, "Run commands when you launch an EC2 instance": before it is encoded.
LONGEST = 16 * 1024

_MOST_DEPTH = 20
# Each is looked for in what follows the one before; 16 KiB have room for less.
_MOST_PARTS = 300
_GZIP = b"\x1f\x8b"
_BASE64 = regex.compile(rb"[A-Za-z0-9+/\s]{16,}={0,2}")
_ARCHIVE, _JINJA = "archive", "jinja"
_BEGINNINGS = {
    "#!": SCRIPT,
    "#cloud-config-archive": _ARCHIVE,
    "#cloud-config-jsonp": "",
    "#cloud-config": CLOUD_CONFIG,
    "#cloud-boothook": BOOTHOOK,
    "#include": "",
    "#part-handler": "",
    "## template:": _JINJA,
    "#upstart-job": "",
}
_WHY = {
    "#include": "cloud-init downloads what `#include` names, and what that holds is known only then",
    "#part-handler": "a `#part-handler` is a program that reads other parts, which is not followed here",
    "#cloud-config-jsonp": "`#cloud-config-jsonp` changes what other parts hold, which is not followed here",
    "#upstart-job": "cloud-init does nothing with `#upstart-job` any more",
}
_TYPES = {
    "text/x-shellscript": SCRIPT,
    "text/x-shellscript-per-boot": PER_BOOT,
    "text/x-shellscript-per-instance": PER_INSTANCE,
    "text/x-shellscript-per-once": PER_ONCE,
    "text/cloud-config": CLOUD_CONFIG,
    "text/cloud-boothook": BOOTHOOK,
    "text/cloud-config-archive": _ARCHIVE,
    "text/jinja2": _JINJA,
}
# cloud-init finds out by their beginning what these are.
_PACKED = (
    *("gzip", "gzip-compressed", "gzipped", "x-compress", "x-compressed", "x-gunzip", "x-gzip", "x-gzip-compressed"),
)
_UNTOLD = ("text/plain", "text/x-not-multipart", *(f"application/{each}" for each in _PACKED))
_STATEMENT = regex.compile(r"\{%|\{#")
_EXPRESSION = regex.compile(r"\{\{.*?\}\}")
_NOT_IN_A_NAME = regex.compile(r"[^A-Za-z0-9_.()-]")


class Part(NamedTuple):
    """A part that cloud-init runs or reads: one of SCRIPTS, CLOUD_CONFIG or BOOTHOOK.

    A script is run from a file of the name `name`, which is "" for the usual one. `merging` says how cloud-config is
    merged with that of other parts, where a header of the part does.
    """

    kind: str
    content: Text
    name: str = ""
    merging: str = ""


def is_multipart(content: str) -> bool:
    """Whether the text has the headers of a message with parts."""
    return re.match(r"(?:mime-version|content-type)[ \t]*:", content.lstrip(), re.IGNORECASE) is not None


def unwrapped(data: bytes, path: str) -> Text:
    """Return user-data as text, without gzip and base64 around it. Raises Unknowable."""
    for _ in range(3):
        if data.startswith(_GZIP):
            try:
                data, path = cloud_config.unpacked(data), f"{path} (unpacked)"
            except (OSError, EOFError, ValueError, zlib.error):
                raise Unknowable("the file begins like one of gzip, and cannot be unpacked", Place(path)) from None
        elif _BASE64.fullmatch(data.strip()) and (decoded := _decoded(data)) is not None:
            data, path = decoded, f"{path} (decoded)"
        else:
            break
    try:
        return text.whole(data.decode("utf-8"), path)
    except UnicodeDecodeError:
        raise Unknowable("the file is not UTF-8 text", Place(path), "save it as UTF-8") from None


def read(whole: Text, holes: Holes) -> tuple[Part, ...]:
    """Return the parts, in order. Raises Unknowable for one that cannot be known without the instance."""
    if not is_multipart(whole.joined):
        return tuple(_told_by_beginning(whole, holes))
    found = email.message_from_string(whole.joined, policy=email.policy.compat32)
    return tuple(_of_message(whole, found, holes))


def _of_message(whole: Text, message: email.message.Message, holes: Holes) -> Iterator[Part]:
    position, row = 0, 0
    content = whole.joined
    for number, part in enumerate(_single(message, 0), 1):
        if number > _MOST_PARTS:
            what = f"the message has more than {_MOST_PARTS} parts, which are not followed here"
            raise Unknowable(what, Place(whole.path))
        payload = part.get_payload()
        if not isinstance(payload, str) or not payload.strip():
            continue
        start = content.find(payload, position)
        if start > position:
            row += content.count("\n", position, start)
            position = start
        encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
        if start < 0 or encoding in ("base64", "quoted-printable"):
            decoded = part.get_payload(decode=True)
            data = decoded if isinstance(decoded, bytes) else payload.encode()
            piece = unwrapped(data, f"{whole.path} (part {number}, decoded)")
        else:
            piece = Text(whole.path, whole.lines[row : row + payload.count("\n") + 1])
        kind = _TYPES.get(part.get_content_type(), "")
        if not kind and part.get_content_type() not in _UNTOLD:
            what = f"a part of the type {part.get_content_type()} is not read here"
            raise Unknowable(what, piece.place(piece.lines[0]))
        if kind == SCRIPT and _beginning(piece)[1] is not None:
            # Of a script alone, cloud-init looks at the beginning too.
            kind = ""
        header = str(part.get("Merge-Type", "") or part.get("X-Merge-Type", ""))
        name = _NOT_IN_A_NAME.sub("", (part.get_filename() or "").replace("/", "_"))
        found = _of_kind(kind, piece, holes) if kind else _told_by_beginning(piece, holes)
        yield from (each._replace(name=name, merging=header) for each in found)


def _single(message: email.message.Message, depth: int) -> Iterator[email.message.Message]:
    """Yield the parts that have no parts themselves."""
    below = message.get_payload() if message.is_multipart() else None
    if not isinstance(below, list):
        yield message
    elif depth < _MOST_DEPTH:
        for each in below:
            if isinstance(each, email.message.Message):
                yield from _single(each, depth + 1)


def _beginning(piece: Text) -> tuple[str, str | None, int]:
    """Return what a part begins with, its kind ("" for one that is not read, None for none), and the row of it."""
    first = next((number for number, each in enumerate(piece.lines) if each.text.strip()), 0)
    text_there = piece.lines[first].text.lstrip().lower() if piece.lines else ""
    start = next((each for each in _BEGINNINGS if text_there.startswith(each)), None)
    return start or "", None if start is None else _BEGINNINGS[start], first


def _told_by_beginning(piece: Text, holes: Holes) -> Iterator[Part]:
    start, kind, first = _beginning(piece)
    line = piece.lines[first] if piece.lines else Line("", 1)
    place = piece.place(line)
    if kind is None and line.text.startswith("\ufeff"):
        what = "a byte order mark stands before the first character, so that cloud-init does nothing with this"
        raise Unknowable(what, place, "save the file as UTF-8 without it")
    if kind is None:
        is_meant = line.text.replace(" ", "").lower().startswith("#cloud-config")
        remedy = "begin it with `#!/bin/bash`, or name a conf with --conf"
        raise Unknowable(
            "user-data begins with neither `#!` nor `#cloud-config`, so that cloud-init does nothing with it",
            place,
            "write `#cloud-config` without a blank" if is_meant else remedy,
        )
    if not kind:
        raise Unknowable(_WHY[start], place, "write the conf in a script or in cloud-config")
    if kind == SCRIPT and (first or line.text != line.text.lstrip()):
        what = "blanks or empty lines stand before `#!`, so that the kernel cannot run the script"
        raise Unknowable(what, place, "begin the first line with `#!`")
    yield from _of_kind(kind, piece, holes)


def _of_kind(kind: str, piece: Text, holes: Holes) -> Iterator[Part]:
    if kind == _ARCHIVE:
        yield from _of_archive(piece, holes)
    elif kind == _JINJA:
        yield from _of_jinja(piece, holes)
    else:
        yield Part(kind, piece)


def _of_jinja(piece: Text, holes: Holes) -> Iterator[Part]:
    """Yield what a template is that cloud-init fills in, with its expressions as open places."""
    first = _beginning(piece)[2]
    rows: list[Line] = []
    for row in piece.lines[first + 1 :]:
        statement = _STATEMENT.search(row.text)
        if statement is not None:
            what = f"`{statement[0]}` begins a statement of Jinja, which decides on the instance what is written"
            raise Unknowable(what, piece.place(row), text.HERE_DOCUMENT)
        marked = _EXPRESSION.sub(lambda found: holes.mark(Hole(found[0])), row.text)
        rows.append(row._replace(text=marked, exact=row.exact and marked == row.text))
    below = Text(piece.path, tuple(rows))
    if not rows or _beginning(below)[1] == _JINJA:
        raise Unknowable("this template of Jinja has nothing but its header", piece.place(piece.lines[first]))
    yield from _told_by_beginning(below, holes)


def _of_archive(piece: Text, holes: Holes) -> Iterator[Part]:
    """Yield the entries of `#cloud-config-archive`, a list of texts, or of mappings with `content` and `type`."""
    try:
        root = yaml.compose(piece.joined, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        raise Unknowable("the archive is not valid YAML", piece.place(piece.lines[0])) from None
    for number, node in enumerate(yaml_scalars.sequence(root), 1):
        if number > _MOST_PARTS:
            raise Unknowable(f"the archive has more than {_MOST_PARTS} parts", Place(piece.path))
        entries = yaml_scalars.mapping(node)
        content = entries.get("content") if entries else node
        if not yaml_scalars.value(content).strip():
            continue
        inner = Text(piece.path, yaml_scalars.whole_lines(piece, content))
        given = yaml_scalars.value(entries.get("type"))
        kind = _TYPES.get(given, "") if given else _beginning(inner)[1]
        if given and not kind and given not in _UNTOLD:
            what = f"a part of the type {given} is not read here"
            raise Unknowable(what, inner.place(inner.lines[0]))
        name = _NOT_IN_A_NAME.sub("", yaml_scalars.value(entries.get("filename")).replace("/", "_"))
        header = yaml_scalars.value(entries.get("merge_type", entries.get("Merge-Type")))
        # Without a type and a beginning that is known, it is cloud-config.
        if kind == _ARCHIVE:
            raise Unknowable("an archive in an archive is not read here", inner.place(inner.lines[0]))
        found = _of_kind(kind or CLOUD_CONFIG, inner, holes) if kind or not given else _told_by_beginning(inner, holes)
        yield from (each._replace(name=name, merging=header) for each in found)


def _decoded(data: bytes) -> bytes | None:
    """Return what base64 encoded, where that looks like user-data."""
    try:
        found = base64.b64decode(data, validate=False)
    except (binascii.Error, ValueError):
        return None
    begins = found.lstrip()[:2000].lower()
    known = (*(start.encode() for start in _BEGINNINGS), b"content-type:", b"mime-version:", _GZIP)
    return found if begins.startswith(known) else None
