"""From a document to the text of teleport.yaml, and the proof that the text says the same."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Sequence
from typing import Any

import jinja2
import jinja2.sandbox

from teleport_bootstrap import errors
from teleport_bootstrap.plan import provenance, yaml_reading, yaml_scalar

# The templates are part of the program, like the modules beside them.
_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")

# A key that is longer needs the explicit form, `? key`.
_LONGEST_SIMPLE_KEY = 1000


class _Comment(str):
    """A constant of this module that is written as a comment, and not as a scalar."""

    __slots__ = ()


COMMENTS: dict[provenance.Path, str] = {
    ("teleport", "join_params"): _Comment("How this instance joins its cluster."),
    ("teleport", "storage"): _Comment("Where the cluster's state, audit log and recordings are kept."),
    ("proxy_service", "trust_x_forwarded_for"): _Comment(
        "Only behind a load balancer that writes the client's address into this header."
    ),
    ("auth_service", "cluster_name"): _Comment("Cannot change once the cluster exists."),
    ("auth_service", "authentication", "webauthn", "rp_id"): _Comment(
        "Must never change: security keys are registered for this name."
    ),
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
    environment.tests["long_key"] = lambda key: len(yaml_scalar.emit(key)) > _LONGEST_SIMPLE_KEY
    return environment


def _finalize(value: Any) -> str:
    return f"# {value}" if isinstance(value, _Comment) else yaml_scalar.emit(value)


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
