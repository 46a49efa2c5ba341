"""From a document to the text of teleport.yaml, and the proof that the text says the same."""

from __future__ import annotations

import functools
import json
import os
from typing import Any

import jinja2
import jinja2.sandbox
import yaml

from teleport_bootstrap import errors
from teleport_bootstrap.plan import yaml_reading, yaml_scalar

# The templates are part of the program, like the modules beside them.
_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")


@functools.lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.sandbox.ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        # Called for the result of every expression, after all filters: there is none to forget. What comes out is YAML,
        # not HTML, and is proved by `faithful`.
        finalize=yaml_scalar.emit,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def templated(document: dict[str, Any], header: dict[str, str]) -> str:
    """Return `document` laid out by the templates for a person to read, under a head that says where it came from.

    `header` holds `program`, `teleport`, `instance` and `conf`. Raises RenderMismatch where the text would not say
    exactly what the document says.
    """
    text = _environment().get_template("teleport.yaml.j2").render(header=header, **document)
    return faithful(text, document)


def dumped(document: dict[str, Any], header: dict[str, str], overrides: tuple[str, ...]) -> str:
    """Return `document`, which override files have changed, under a head that names them; raises RenderMismatch."""
    head = _environment().get_template("head-merged.j2").render(header=header, overrides=overrides)
    return faithful(head + body(document), document)


def body(value: Any) -> str:
    """Return a document, or a part of one, as YAML without comments."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=False, sort_keys=False, allow_unicode=True, width=4096
    )
    return text


class _Dumper(yaml.SafeDumper):
    """SafeDumper that writes strings the way the templates do."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    plain = yaml_scalar.emit(value) == value
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


def _represent_plain(dumper: Any, value: yaml_reading.Plain) -> yaml.ScalarNode:
    text = str(value)
    # With the tag that PyYAML itself would read it as: otherwise it would add quotes, and change what Teleport reads.
    node: yaml.ScalarNode = dumper.represent_scalar(dumper.resolve(yaml.ScalarNode, text, (True, False)), text)
    return node


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(yaml_reading.Plain, _represent_plain)


def faithful(text: str, document: dict[str, Any]) -> str:
    """Return `text` when it parses to exactly `document`, types included. Raises RenderMismatch otherwise."""
    try:
        read_back = yaml_reading.parse(text)
    except yaml_reading.Unreadable as error:
        raise errors.RenderMismatch(
            f"the rendered teleport.yaml is not YAML: line {error.line}, column {error.column}: {error.message}",
            hint="This is a defect of teleport-bootstrap; nothing was written. Please report it with the conf.",
        ) from None
    if _canonical(read_back) != _canonical(document):
        raise errors.RenderMismatch(
            f"the rendered teleport.yaml does not say what was planned at {_difference(document, read_back)}",
            hint="This is a defect of teleport-bootstrap; nothing was written. Please report it with the conf.",
        )
    return text


def _canonical(value: Any) -> str:
    return json.dumps(_told_apart(value), sort_keys=True)


def _told_apart(value: Any) -> Any:
    """Return `value` with what stands without quotes told from the same text in quotes."""
    if isinstance(value, dict):
        return {key: _told_apart(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_told_apart(each) for each in value]
    return {"plain": str(value)} if isinstance(value, yaml_reading.Plain) else value


def _difference(meant: Any, read: Any, path: str = "the top") -> str:
    if isinstance(meant, dict) and isinstance(read, dict):
        for key in (*meant, *read):
            if key not in meant or key not in read or _canonical(meant[key]) != _canonical(read[key]):
                place = str(key) if path == "the top" else f"{path}.{key}"
                return _difference(meant.get(key), read.get(key), place)
    return path
