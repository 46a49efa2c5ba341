"""What `#cloud-config` writes to the conf: `write_files`, and the commands of `runcmd` and `bootcmd`.

Source: cloud-init's documentation of these modules (22.2 to 26.2). `bootcmd` runs first, then `write_files`, then those
of them that are deferred; `runcmd` becomes a script that runs at the end, with those of other parts.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Mapping

import yaml

from teleport_bootstrap.finding import Finding, Place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.user_data import shell, yaml_scalars
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, Write

_GZIP = frozenset(("gz", "gzip", "gz+base64", "gzip+base64", "gz+b64", "gzip+b64"))
_BASE64 = frozenset(("b64", "base64", "gz+base64", "gzip+base64", "gz+b64", "gzip+b64"))
_LARGEST = 1024 * 1024


@dataclass(frozen=True)
class Steps:
    """What the conf holds after the early steps, and the script of `runcmd`, empty where there is none.

    `files` are the others that were written, which `runcmd` may run.
    """

    writes: tuple[Write, ...]
    commands: Text
    files: Mapping[str, tuple[Write, ...]]
    findings: tuple[Finding, ...] = ()


def read(config: Text, target: str, before: tuple[Write, ...] = ()) -> Steps:
    """Return what `config` does to the file `target`. Raises Unknowable."""
    sections = _sections(config)
    findings: list[Finding] = []
    writes = before
    files: dict[str, tuple[Write, ...]] = {}
    for name in ("bootcmd", "write_files"):
        if name == "bootcmd":
            reader = shell.Reader(_script(config, sections.get(name)), target, writes)
            writes = reader.writes()
            findings += reader.findings
        else:
            entries = [yaml_scalars.mapping(each) for each in yaml_scalars.sequence(sections.get(name))]
            for entry in sorted(entries, key=lambda each: yaml_scalars.value(each.get("defer")) == "true"):
                path = yaml_scalars.value(entry.get("path"))
                appends = yaml_scalars.value(entry.get("append")) in ("true", "yes", "on")
                if path != target:
                    files[path] = (*(files.get(path, ()) if appends else ()), *_other(config, entry))
                    continue
                written = (Write(config.path, _content(config, entry)),)
                writes = (*writes, *written) if appends else written
    return Steps(writes, _script(config, sections.get("runcmd")), files, tuple(findings))


def _other(config: Text, entry: dict[str, Any]) -> tuple[Write, ...]:
    """Return what another file gets; nothing where that cannot be read."""
    try:
        return (Write(config.path, _content(config, entry)),)
    except Unknowable:
        return ()


def lists(config: Text) -> frozenset[str]:
    """Return which of the steps `config` has that may write a file. Raises Unknowable."""
    return frozenset(_sections(config)) & {"bootcmd", "write_files", "runcmd"}


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


def _script(config: Text, node: Any) -> Text:
    """Return the commands of a list as a script: a list of words is one command, a text is a line of the shell."""
    lines: list[Line] = []
    for each in yaml_scalars.sequence(node):
        if isinstance(each, yaml.SequenceNode):
            quoted = " ".join(f"'{_quoted(word)}'" for word in map(yaml_scalars.value, each.value))
            number = config.lines[each.start_mark.line].number
            lines.append(Line(quoted, number, 0, exact=False))
        else:
            lines += yaml_scalars.lines(config, each)
    return Text(config.path, tuple(lines))


def _quoted(word: str) -> str:
    return word.replace("'", "'\\''")


def _content(config: Text, entry: dict[str, Any]) -> tuple[Line, ...]:
    node = entry.get("content")
    encoding = yaml_scalars.value(entry.get("encoding")).lower()
    lines = yaml_scalars.lines(config, node) if node is not None else ()
    if encoding in _GZIP | _BASE64:
        place = config.place(lines[0]) if lines else Place(config.path)
        data = "".join(each.text for each in lines).encode("utf-8", "surrogateescape")
        decoded = _decoded(data, encoding, place)
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


def _decoded(data: bytes, encoding: str, place: Place) -> str:
    try:
        if encoding in _BASE64:
            data = base64.b64decode(data, validate=False)
        if encoding in _GZIP:
            data = unpacked(data)
        return data.decode("utf-8")
    except (binascii.Error, ValueError, OSError, EOFError, zlib.error):
        raise Unknowable(f"the content of the conf is not {encoding}", place, "encode it again") from None


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
