"""The file of --metadata: the facts about an instance, so that no network is used."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import item_formats

TAGS = "tags"
_REQUIRED = (item_formats.LOCAL_IPV4, item_formats.LOCAL_HOSTNAME, item_formats.INSTANCE_ID, item_formats.REGION)
_NOTHING = ("", "~", "null", "Null", "NULL")
_HINT = (
    "The file is a YAML mapping of local-ipv4, public-ipv4 (optional), local-hostname, instance-id, region, and tags "
    "(optional: a mapping of tag keys to values)."
)


def parse(text: str, path: str, *, region: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the checked facts by their names, and the tags.

    Scalars are read as they are written (1.10 stays 1.10, yes stays yes), as EC2 would return them. `region` wins over
    that of the file. Raises MetadataFileInvalid with all problems.
    """
    problems: list[str] = []
    values, tags = _read(_document(text, path), problems)
    if region is not None:
        values[item_formats.REGION] = region
    for name in list(values):
        try:
            values[name] = item_formats.CHECKS[name](values[name])
        except ValueError as error:
            problems.append(f"{name}: {item_formats.excerpt(values[name])} is {error}")
    named = {problem.partition(":")[0] for problem in problems}
    for name in _REQUIRED:
        if name not in values and name not in named:
            problems.append(
                f"{name}: missing" + (", and no EC2_REGION in the conf" if name == item_formats.REGION else "")
            )
    if problems:
        raise errors.MetadataFileInvalid("\n".join([f"{path}: not valid facts of an instance", *problems]), hint=_HINT)
    return values, tags


def _document(text: str, path: str) -> yaml.Node | None:
    try:
        # BaseLoader reads all scalars as strings; composing without constructing keeps duplicate keys.
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
        reason = getattr(error, "problem", None) or "characters that YAML does not allow, or nested too deep"
        raise errors.MetadataFileInvalid(f"{place}: not YAML: {reason}", hint=_HINT) from None
    return node


def _read(node: yaml.Node | None, problems: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    values: dict[str, str] = {}
    tags: dict[str, str] = {}
    for name, value in _pairs(node, "the file", problems):
        if name == TAGS:
            if not _is_nothing(value):
                tags = {key: text.value for key, text in _pairs(value, TAGS, problems) if _is_text(key, text, problems)}
        elif name not in item_formats.CHECKS:
            problems.append(f"{name}: unknown (line {value.start_mark.line + 1})")
        elif _is_nothing(value) and name == item_formats.PUBLIC_IPV4:
            continue
        elif _is_text(name, value, problems):
            values[name] = value.value
    return values, tags


def _pairs(node: yaml.Node | None, what: str, problems: list[str]) -> Iterator[tuple[str, yaml.Node]]:
    """Yield the entries of a mapping, each key once; anything else goes to `problems`."""
    if not isinstance(node, yaml.MappingNode):
        problems.append(f"{what}: not a mapping")
        return
    seen = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(f"{what}: a key that is not plain text (line {line})")
        elif key.value in seen:
            problems.append(f"{item_formats.excerpt(key.value)}: given twice (line {line})")
        else:
            seen.add(key.value)
            yield key.value, value


def _is_text(name: str, node: yaml.Node, problems: list[str]) -> bool:
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
        return True
    problems.append(f"{name}: not plain text (line {node.start_mark.line + 1})")
    return False


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NOTHING
