"""What `#cloud-config` writes to the conf: `write_files`, and the commands of `runcmd` and `bootcmd`.

Source: cloud-init's documentation of these modules (22.2 to 26.2). `bootcmd` runs first, then `write_files`, then those
of them that are deferred; `runcmd` becomes a script that runs at the end, with those of other parts.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import posixpath
import zlib
from collections.abc import Mapping, Sequence

import yaml

from teleport_bootstrap import escaping
from teleport_bootstrap.finding import Finding, Place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.user_data import holes, merging, shell, yaml_scalars
from teleport_bootstrap.user_data.merging import Entry
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, Write

_GZIP = frozenset(("gz", "gzip", "gz+base64", "gzip+base64", "gz+b64", "gzip+b64"))
_BASE64 = frozenset(("b64", "base64", "gz+base64", "gzip+base64", "gz+b64", "gzip+b64"))
_BINARY = "tag:yaml.org,2002:binary"
_LARGEST = 1024 * 1024
_DAMAGE = (binascii.Error, OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class Steps:
    """What the conf holds after the early steps, and the script of `runcmd`, empty where there is none.

    `files` are the others that were written, which `runcmd` may run.
    """

    writes: tuple[Write, ...]
    commands: Text
    files: Mapping[str, tuple[Write, ...]]
    findings: tuple[Finding, ...] = ()


def read(configs: Sequence[tuple[Text, str]], target: str, before: tuple[Write, ...] = ()) -> Steps:
    """Return what parts of cloud-config do to the file `target`; with each stands its header that says how to merge it.

    Raises Unknowable.
    """
    findings: list[Finding] = []
    steps = merging.merged(tuple((config, _sections(config), header) for config, header in configs), findings)
    files: dict[str, tuple[Write, ...]] = {}
    reader = shell.Reader(_script(steps["bootcmd"]), target, before)
    writes = reader.writes()
    findings += reader.findings
    entries = [(config, yaml_scalars.mapping(node)) for config, node in steps["write_files"]]
    # Each of the two stages ends at the first content that cannot be decoded.
    ended: dict[bool, Unknowable] = {}
    for config, entry in sorted(entries, key=lambda each: yaml_scalars.is_true(each[1].get("defer"))):
        path = posixpath.normpath(yaml_scalars.value(entry.get("path")))
        appends = yaml_scalars.is_true(entry.get("append"))
        is_deferred = yaml_scalars.is_true(entry.get("defer"))
        if path != target:
            if is_deferred in ended:
                continue
            damage = _damage(config, entry, path)
            if damage is not None:
                ended[is_deferred] = damage
            files[path] = (*(files.get(path, ()) if appends else ()), *_other(config, entry))
            continue
        if is_deferred in ended:
            raise ended[is_deferred]
        written = (Write(config.path, _content(config, entry)),)
        writes = (*writes, *written) if appends else written
    return Steps(writes, _script(steps["runcmd"]), files, tuple(findings))


def _other(config: Text, entry: dict[str, Any]) -> tuple[Write, ...]:
    """Return what another file gets; nothing where that cannot be read."""
    try:
        return (Write(config.path, _content(config, entry)),)
    except Unknowable:
        return ()


def _damage(config: Text, entry: dict[str, Any], path: str) -> Unknowable | None:
    """Return what there is to say where the content of another file, `path`, cannot be decoded."""
    node, encoding = entry.get("content"), yaml_scalars.value(entry.get("encoding")).strip().lower()
    if node is None or encoding not in _GZIP | _BASE64:
        return None
    lines = yaml_scalars.lines(config, node)
    data = "".join(each.text for each in lines)
    if holes.is_marked(data):
        return None
    try:
        _raw(data.encode("utf-8", "surrogateescape"), encoding, is_binary=node.tag == _BINARY)
    except _DAMAGE:
        place = Place(config.path, config.lines[node.start_mark.line].number)
        shown = escaping.one_line(path, 80)
        what = f"the content of {shown} is not {encoding}: cloud-init stops there, and does not write the conf after it"
        return Unknowable(what, place, "encode it again")
    except ValueError:
        return None  # more than is read here, which cloud-init takes
    return None


def _sections(config: Text) -> dict[str, Any]:
    try:
        root = yaml.compose(config.joined, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = config.lines[min(mark.line, len(config.lines) - 1)].number if mark is not None else None
        raise Unknowable(
            "cloud-config is not valid YAML, and cloud-init leaves all of it out",
            Place(config.path, line),
            "correct the line; `cloud-init schema --config-file FILE` checks it",
        ) from None
    return yaml_scalars.mapping(root)


def _script(entries: Sequence[Entry]) -> Text:
    """Return the commands of a list as a script: a list of words is one command, a text is a line of the shell."""
    lines: list[Line] = []
    for config, each in entries:
        if isinstance(each, yaml.SequenceNode):
            lines += _command(config, each)
        else:
            lines += yaml_scalars.lines(config, each)
    return Text(entries[0][0].path if entries else "", tuple(lines))


def _command(config: Text, node: Any) -> list[Line]:
    """Return a list of words as one command, each line of a word where it stands."""
    found = [Line("", config.lines[node.start_mark.line].number, exact=False)]
    for number, word in enumerate(node.value):
        first, *others = _quoted(yaml_scalars.value(word)).split("\n")
        places = [each.number for each in yaml_scalars.whole_lines(config, word)]
        found[-1] = found[-1]._replace(text=f"{found[-1].text}{' ' if number else ''}'{first}")
        if len(places) == len(others) + 1 and others:
            found[-1] = found[-1]._replace(number=places[0])
        else:
            places = [found[-1].number] * (len(others) + 1)
        found += [Line(each, place, exact=False) for each, place in zip(others, places[1:])]
        found[-1] = found[-1]._replace(text=f"{found[-1].text}'")
    return found


def _quoted(word: str) -> str:
    return word.replace("'", "'\\''")


def _content(config: Text, entry: dict[str, Any]) -> tuple[Line, ...]:
    node = entry.get("content")
    place = Place(config.path, config.lines[node.start_mark.line].number if node is not None else None)
    if yaml_scalars.value(yaml_scalars.mapping(entry.get("source")).get("uri")):
        what = "cloud-init takes the content from the `source` of the file, which only running it tells"
        raise Unknowable(what, place, "write it as the `content`")
    encoding = yaml_scalars.value(entry.get("encoding")).strip().lower()
    lines = yaml_scalars.lines(config, node) if node is not None else ()
    is_binary = node is not None and node.tag == _BINARY
    if is_binary or encoding in _GZIP | _BASE64:
        data = "".join(each.text for each in lines).encode("utf-8", "surrogateescape")
        decoded = _decoded(data, encoding, place, is_binary=is_binary)
        # Of the encoded text, its first line is all that can be named.
        number = lines[0].number if lines else 1
        found = tuple(Line(each, number, 0, exact=False) for each in _without_last_feed(decoded))
        return _with_end(found, decoded)
    return _with_end(tuple(lines), yaml_scalars.value(node))


def _with_end(lines: tuple[Line, ...], content: str) -> tuple[Line, ...]:
    """Return the lines of `content`, of which the last ends only where a line feed ends it."""
    if not content:
        return ()
    return lines if content.endswith("\n") else (*lines[:-1], lines[-1]._replace(ends=False))


def _decoded(data: bytes, encoding: str, place: Place, *, is_binary: bool) -> str:
    form = encoding or "base64"
    try:
        return _raw(data, encoding, is_binary=is_binary).decode("utf-8")
    except (*_DAMAGE, ValueError):
        pass
    content = data.decode("utf-8", "replace").strip()
    marks = holes.marks(content)
    if marks:
        # Not what stands around it: encoded, a secret in it would not be recognized.
        share = "becomes the whole content" if marks == [content] else "is a part of the content"
        what = f"`{marks[0]}` {share}, {form}, and what is in it is known only when it is filled in"
        raise Unknowable(what, place, "name the file that holds it with --conf")
    raise Unknowable(f"the content of the conf is not {form}", place, "encode it again")


def _raw(data: bytes, encoding: str, *, is_binary: bool) -> bytes:
    """Return the bytes that `data` stands for. Raises _DAMAGE, and ValueError for what is larger than is read here."""
    if is_binary:
        data = base64.b64decode(data, validate=False)
    if encoding in _BASE64:
        data = base64.b64decode(data, validate=False)
    return unpacked(data) if encoding in _GZIP else data


def unpacked(data: bytes) -> bytes:
    """Return what gzip packed, at most 1 MiB. Raises OSError, EOFError, zlib.error and ValueError."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    found = unpacker.decompress(data, _LARGEST + 1)
    if len(found) > _LARGEST:
        raise ValueError("too large")
    if unpacker.unused_data.strip(b"\0"):
        raise ValueError("something follows")
    if not unpacker.eof:
        raise gzip.BadGzipFile("it is cut off")
    return found


def _without_last_feed(decoded: str) -> list[str]:
    return decoded.removesuffix("\n").split("\n")
