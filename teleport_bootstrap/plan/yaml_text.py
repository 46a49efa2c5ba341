"""From a document to the text of teleport.yaml, and the proof that the text says the same."""

from __future__ import annotations

import functools
import json
import os
import re
import zlib
from collections.abc import Iterator, Sequence

from teleport_bootstrap import errors, regex
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import provenance, template_engine, yaml_reading

# The templates are part of the program, like the modules beside them.
_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")
_program: Any = __spec__.loader

# A key that is longer needs the explicit form, `? key`.
_LONGEST_SIMPLE_KEY = 1000

# Starts with a letter or a slash, and holds nothing that means something to YAML 1.1 or 1.2; colons and spaces inside.
_PLAIN = regex.compile(r"[A-Za-z/](?:[A-Za-z0-9._/-]| (?=[A-Za-z0-9])|:(?=[A-Za-z0-9._/-]))*", re.ASCII)
# What some YAML reader takes for a boolean or for nothing, in any case.
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
# Outside YAML's printable set, or a line break to YAML 1.1 and not to JSON.
_UNPRINTABLE = regex.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


class _Comment(str):
    """A constant of this module that is written as a comment, and not as a scalar."""

    __slots__ = ()


COMMENTS: dict[provenance.Path, str] = {
    path: _Comment(text)
    for path, text in {
        ("teleport", "join_params"): "How this instance joins its cluster.",
        ("teleport", "storage"): "Where the cluster's state, audit log and recordings are kept.",
        ("proxy_service", "trust_x_forwarded_for"): (
            "Only behind a load balancer that writes the client's address into this header."
        ),
        ("auth_service", "cluster_name"): "Cannot change once the cluster exists.",
        ("auth_service", "authentication", "webauthn", "rp_id"): (
            "Must never change: security keys are registered for this name."
        ),
    }.items()
}
# With a blank line before it, like each section.
_GROUPS = (("teleport", "join_params"), ("teleport", "cache"), ("teleport", "storage"))


@functools.lru_cache(maxsize=1)
def _environment() -> Any:
    tests = {"block": _is_block, "first_of_group": _is_first_of_group, "long_key": _is_long_key}
    return template_engine.environment(_TEMPLATES, _finalize, tests)


def _finalize(value: Any) -> str:
    return f"# {value}" if isinstance(value, _Comment) else emit(value)


def emit(value: Any) -> str:
    """Return `value` as one YAML node on one line: a scalar, null, a list of these, or an empty mapping.

    A string is plain where a person would write it plain and every YAML reader agrees that it is a string; otherwise it
    is in double quotes, with JSON's escapes. Raises TypeError for anything else.
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, yaml_reading.Plain)):
        return str(value)
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_item, value)) + "]"
    if value == {}:
        return "{}"
    raise TypeError(f"{type(value).__name__} cannot be written as a YAML scalar")


def _item(value: Any) -> str:
    """Return an item of a list; some readers do not accept a colon without quotes there."""
    return _quoted(value) if type(value) is str and ":" in value else emit(value)


def _quoted(value: str) -> str:
    quoted = json.dumps(value, ensure_ascii=False)
    if quoted.isascii() and quoted.isprintable():
        return quoted
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _is_first_of_group(path: provenance.Path) -> bool:
    return len(path) == 1 or path in _GROUPS


def _is_long_key(key: Any) -> bool:
    return len(emit(key)) > _LONGEST_SIMPLE_KEY


def _is_block(value: Any) -> bool:
    """Whether `value` takes lines of its own: a mapping, or a list that holds mappings or lists; never an empty one."""
    if isinstance(value, list):
        return any(isinstance(each, (dict, list)) for each in value)
    return isinstance(value, dict) and bool(value)


def teleport_yaml(document: dict[str, Any], header: dict[str, str], overrides: Sequence[str] = ()) -> str:
    """Return `document` as a person reads it, under a head that says where it came from; `overrides` are paths.

    `header` holds `program`, `teleport`, `instance` and `conf`. Raises RenderMismatch where the text would not say
    exactly what the document says.
    """
    if _are_templates_known():
        text = "".join((*_head(header, overrides), *_lines(document, (), 0, inline=False)))
    else:
        text = rendered("teleport.yaml.j2", document, header=header, overrides=overrides)
    return faithful(text, document)


def body(value: dict[str, Any]) -> str:
    """Return a part of a document without a head. Raises RenderMismatch."""
    if _are_templates_known():
        return faithful("".join(_lines(value, (), 0, inline=False)), value)
    return faithful(rendered("node.yaml.j2", value), value)


def rendered(template: str, node: Any, **more: Any) -> str:
    """Return what Jinja2 makes of a template, which takes longer to load than all else that a boot does."""
    names = {"node": node, "path": (), "indent": 0, "inline": False, "comments": COMMENTS, **more}
    text: str = _environment().get_template(template).render(names)
    return text


# The checksum of the templates that `_head` and `_lines` follow. Where a template was changed, Jinja2 renders it.
_TEMPLATES_KNOWN = 3585073452


@functools.lru_cache(maxsize=1)
def _are_templates_known() -> bool:
    return templates_checksum(_TEMPLATES) == _TEMPLATES_KNOWN


def templates_checksum(folder: str) -> int:
    """Return the checksum of the templates in a directory. Raises OSError."""
    found = 0
    for name in ("teleport.yaml.j2", "node.yaml.j2"):
        found = zlib.crc32(_program.get_data(os.path.join(folder, name)), found)
    return found


def _head(header: dict[str, str], overrides: Sequence[str]) -> Iterator[str]:
    """Yield the text of `teleport.yaml.j2` above the document."""
    shown = {name: emit(value) for name, value in header.items()}
    yield f"# Configuration of Teleport on this instance, {shown['instance']}.\n"
    yield f"# Written by {shown['program']} from {shown['conf']} and the instance metadata, for {shown['teleport']}.\n"
    if overrides:
        yield "# These override files change it, in this order:\n"
        for file in overrides:
            yield f"#   {emit(file)}\n"
    yield (
        "#\n"
        "# An edit made here is not overwritten silently, and `teleport-bootstrap adopt` keeps it. To change this "
        "file\n"
        "# permanently, edit /etc/teleport.d/conf or put a file into /etc/teleport.d/teleport.yaml.d, then run\n"
        "# `teleport-bootstrap reconfigure`.\n"
    )


def _lines(node: Any, path: provenance.Path, indent: int, *, inline: bool) -> Iterator[str]:
    """Yield the text of `node.yaml.j2`, whose words are used here."""
    blanks = " " * indent
    if isinstance(node, dict):
        for index, (key, value) in enumerate(node.items()):
            place, continued = (*path, key), inline and index == 0
            if _is_first_of_group(place):
                yield "\n"
            if place in COMMENTS and not continued:
                yield f"{blanks}{_finalize(COMMENTS[place])}\n"
            yield "" if continued else blanks
            yield f"? {emit(key)}\n{blanks}:" if _is_long_key(key) else f"{emit(key)}:"
            if _is_block(value):
                yield "\n"
                yield from _lines(value, place, indent + 2, inline=False)
            else:
                yield f" {emit(value)}\n"
        if not node:
            yield "{}\n"
        return
    for index, value in enumerate(node):
        yield "" if inline and index == 0 else blanks
        if _is_block(value):
            yield "- "
            yield from _lines(value, (*path, index), indent + 2, inline=True)
        else:
            yield f"- {emit(value)}\n"


def faithful(text: str, document: dict[str, Any]) -> str:
    """Return `text` when it parses to exactly `document`, types included. Raises RenderMismatch otherwise."""
    try:
        parsed = yaml_reading.parse(text)
    except yaml_reading.Unreadable as error:
        raise _mismatch(f"is not YAML: line {error.line}, column {error.column}: {error.message}") from None
    if _canonical(parsed) != _canonical(document):
        raise _mismatch(f"does not say what was planned at {_difference(document, parsed)}")
    return text


def _mismatch(what: str) -> errors.RenderMismatch:
    return errors.RenderMismatch(
        f"the rendered teleport.yaml {what}",
        hint="This is a defect of teleport-bootstrap; nothing was written. Please report it with the conf.",
    )


def _canonical(value: Any) -> str:
    return json.dumps(_with_plain_marked(value), sort_keys=True)


def _with_plain_marked(value: Any) -> Any:
    """Return `value` so that a scalar without quotes differs from the same text in quotes."""
    if isinstance(value, dict):
        return {key: _with_plain_marked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_plain_marked(each) for each in value]
    return {"plain": str(value)} if isinstance(value, yaml_reading.Plain) else value


def _difference(meant: Any, read: Any, path: provenance.Path = ()) -> str:
    if isinstance(meant, dict) and isinstance(read, dict):
        for key in (*meant, *read):
            if key not in meant or key not in read or _canonical(meant[key]) != _canonical(read[key]):
                return _difference(meant.get(key), read.get(key), (*path, key))
    return provenance.dotted(path) or "the top"
