"""User-data in a CloudFormation template, YAML or JSON: `UserData`, and the files of `AWS::CloudFormation::Init`.

Source: AWS CloudFormation template reference; AWS CLI reference for what it prints of a launch template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.user_data import parts, yaml_scalars
from teleport_bootstrap.user_data.holes import Holes
from teleport_bootstrap.user_data.intrinsics import Template
from teleport_bootstrap.user_data.text import Line, Text, Unknowable

_MOST_DEPTH = 60
_INIT = "AWS::CloudFormation::Init"
_PRINTED = regex.compile(r"\s*\{.*\"UserData\"", 16)  # DOTALL
_END = "END_OF_THE_CONF"


def compose(file: Text) -> Any:
    """Return the root node of a file that is YAML or JSON with resources of CloudFormation, None for another file.

    What AWS's command prints of a launch template or an instance, or takes to make one, is such a file too.
    """
    if "Resources" not in file.joined and not _PRINTED.match(file.joined):
        return None
    try:
        root = yaml.compose(file.joined, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    is_printed = _PRINTED.match(file.joined) and next(_user_data_nodes(root, 0, set()), None) is not None
    return root if is_printed or "Resources" in yaml_scalars.mapping(root) else None


def user_data(file: Text, root: Any, target: str, holes: Holes, resource: str | None = None) -> Text:
    """Return the one user-data in the template that names `target`: that of `resource`, its logical id, if given.

    Raises Unknowable.
    """
    template = Template(file, root, holes)
    found: dict[str, Text] = {}
    seen: set[int] = set()
    # What is printed of one launch template has no such part, and is one.
    resources = yaml_scalars.mapping(yaml_scalars.mapping(root).get("Resources")) or {"UserData": root}
    for name, about in resources.items():
        for node in _user_data_nodes(about, 0, seen):
            text = _decoded(file, template, node)
            if target in text.joined:
                found[name] = text
            elif "cfn-init" in text.joined and (content := _content_of_init(resources, target, text)) is not None:
                found[name] = _written_by_init(file, template, content, target)
    if resource is not None and resource in found:
        return found[resource]
    if not found:
        raise Unknowable(f"no UserData in this template writes {target}", Place(file.path))
    if resource is None and len(found) == 1:
        return next(iter(found.values()))
    names = ", ".join(f"{file.path}#{name}" for name in found)
    what = f"{len(found)} resources of this template write {target}"
    if resource is not None:
        what = f"the resource {resource} of this template does not write {target}"
    raise Unknowable(what, Place(file.path), f"name one of {names}")


def _decoded(file: Text, template: Template, node: Any) -> Text:
    """Return the user-data that stands at `node`; without the function, it is encoded."""
    value = yaml_scalars.mapping(node).get("Value", node) if isinstance(node, yaml.MappingNode) else node
    if isinstance(value, yaml.ScalarNode) and not str(value.tag).startswith("!"):
        plain = yaml_scalars.value(value)
        content = parts.unwrapped(plain.encode("utf-8", "surrogateescape"), file.path)
        if content.joined != plain.replace("\r\n", "\n"):
            number = file.lines[min(value.start_mark.line, len(file.lines) - 1)].number
            return Text(f"{file.path}:{number} (decoded)", content.lines)
    return Text(file.path, tuple(template.lines(node)))


def _content_of_init(resources: Mapping[str, Any], target: str, script: Text) -> Any:
    """Return the node of the content that `cfn-init` gives to a file, None without one. Raises Unknowable."""
    for name, about in resources.items():
        init = yaml_scalars.mapping(yaml_scalars.mapping(about).get("Metadata")).get(_INIT)
        for config in yaml_scalars.mapping(init).values():
            entry = yaml_scalars.mapping(yaml_scalars.mapping(yaml_scalars.mapping(config).get("files")).get(target))
            if not entry or name not in script.joined:
                continue
            place = Place(script.path, entry["content"].start_mark.line + 1 if "content" in entry else None)
            if set(entry) & {"source", "context", "authentication"} or "content" not in entry:
                what = f"`cfn-init` makes {target} of more than its `content`, which is not followed here"
                raise Unknowable(what, place, "write the values themselves into its `content`")
            if yaml_scalars.value(entry.get("encoding")) not in ("", "plain"):
                raise Unknowable(f"`cfn-init` decodes {target}, which is not followed here", place, "write it as it is")
            return entry["content"]
    return None


def _written_by_init(file: Text, template: Template, content: Any, target: str) -> Text:
    """Return the content of a file as a script that writes it."""
    body = list(template.lines(content))
    first = (Line("#!/bin/bash", 1, exact=False), Line(f"cat >{target} <<'{_END}'", 1, exact=False))
    if body and not body[-1].text:
        body.pop()
    return Text(file.path, (*first, *body, Line(_END, body[-1].number if body else 1, exact=False)))


def _user_data_nodes(node: Any, depth: int, seen: set[int]) -> Iterator[Any]:
    """Yield what is named UserData; a node that aliases name again and again is visited once."""
    if depth > _MOST_DEPTH or id(node) in seen:
        return
    seen.add(id(node))
    for key, entry in yaml_scalars.mapping(node).items():
        if key == "UserData":
            yield entry
        else:
            yield from _user_data_nodes(entry, depth + 1, seen)
    for each in yaml_scalars.sequence(node):
        yield from _user_data_nodes(each, depth + 1, seen)
