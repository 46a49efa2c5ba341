"""From a document to the text of teleport.yaml, and the proof that the text says the same."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Sequence

import jinja2
import jinja2.sandbox

from teleport_bootstrap import errors, regex
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import provenance, yaml_reading

# The templates are part of the program, like the modules beside them.
_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")

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
def _environment() -> jinja2.Environment:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        # Called for the result of every expression, after all filters: there is none to forget. What comes out is YAML,
        # not HTML, and is proved by `faithful`.
        finalize=_finalize,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["block"] = _is_block
    environment.tests["first_of_group"] = lambda path: len(path) == 1 or path in _GROUPS
    environment.tests["long_key"] = lambda key: len(emit(key)) > _LONGEST_SIMPLE_KEY
    return environment


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
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


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
    return faithful(_rendered("teleport.yaml.j2", document, header=header, overrides=overrides), document)


def body(value: dict[str, Any]) -> str:
    """Return a part of a document without a head. Raises RenderMismatch."""
    return faithful(_rendered("node.yaml.j2", value), value)


def _rendered(template: str, node: dict[str, Any], **more: Any) -> str:
    names = {"node": node, "path": (), "indent": 0, "inline": False, "comments": COMMENTS, **more}
    return _environment().get_template(template).render(names)


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
