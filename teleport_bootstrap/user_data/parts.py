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

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Place
from teleport_bootstrap.hints import NamedTuple
from teleport_bootstrap.user_data import cloud_config, text
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
_BEGINNINGS = {
    "#!": SCRIPT,
    "#cloud-config-archive": "",
    "#cloud-config": CLOUD_CONFIG,
    "#cloud-boothook": BOOTHOOK,
    "#include": "",
    "#part-handler": "",
    "## template:": "",
    "#upstart-job": "",
}
_TYPES = {
    "text/x-shellscript": SCRIPT,
    "text/x-shellscript-per-boot": PER_BOOT,
    "text/x-shellscript-per-instance": PER_INSTANCE,
    "text/x-shellscript-per-once": PER_ONCE,
    "text/cloud-config": CLOUD_CONFIG,
    "text/cloud-boothook": BOOTHOOK,
}
# cloud-init finds out by their beginning what these are.
_UNTOLD = ("text/plain", "text/x-not-multipart")


class Part(NamedTuple):
    """A part that cloud-init runs or reads: one of SCRIPTS, CLOUD_CONFIG or BOOTHOOK."""

    kind: str
    content: Text


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


def read(whole: Text) -> tuple[Part, ...]:
    """Return the parts, in order. Raises Unknowable for one that cannot be known without the instance."""
    if not is_multipart(whole.joined):
        return (_told_by_beginning(whole),)
    found = email.message_from_string(whole.joined, policy=email.policy.compat32)
    return tuple(_of_message(whole, found))


def _of_message(whole: Text, message: email.message.Message) -> Iterator[Part]:
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
        yield Part(kind, piece) if kind else _told_by_beginning(piece)


def _single(message: email.message.Message, depth: int) -> Iterator[email.message.Message]:
    """Yield the parts that have no parts themselves."""
    below = message.get_payload() if message.is_multipart() else None
    if not isinstance(below, list):
        yield message
    elif depth < _MOST_DEPTH:
        for each in below:
            if isinstance(each, email.message.Message):
                yield from _single(each, depth + 1)


def _told_by_beginning(piece: Text) -> Part:
    first = next((number for number, each in enumerate(piece.lines) if each.text.strip()), 0)
    line = piece.lines[first] if piece.lines else Line("", 1)
    beginning = line.text.lstrip().lower()
    kind = next((kind for start, kind in _BEGINNINGS.items() if beginning.startswith(start)), None)
    place = piece.place(line)
    if kind is None:
        raise Unknowable(
            "user-data begins with neither `#!` nor `#cloud-config`, so that cloud-init does nothing with it",
            place,
            "begin it with `#!/bin/bash`",
        )
    if not kind:
        what = f"what begins with `{beginning.split(':')[0].split()[0]}` is made on the instance, and not known before"
        raise Unknowable(what, place)
    if kind == SCRIPT and (first or line.text != line.text.lstrip()):
        what = "blanks or empty lines stand before `#!`, so that the kernel cannot run the script"
        raise Unknowable(what, place, "begin the first line with `#!`")
    return Part(kind, piece)


def _decoded(data: bytes) -> bytes | None:
    """Return what base64 encoded, where that looks like user-data."""
    try:
        found = base64.b64decode(data, validate=False)
    except (binascii.Error, ValueError):
        return None
    begins = found.lstrip()[:2000].lower()
    known = (*(start.encode() for start in _BEGINNINGS), b"content-type:", b"mime-version:", _GZIP)
    return found if begins.startswith(known) else None
