"""teleport.yaml and overrides as they may be shown: operators write tokens, passwords and keys into them.

Every document that a command shows goes through this module: `masked` for a text, `document` for values, `in_message`
for what is said about a document. Only the secret itself is masked: of a URL its password, of a header its value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

import yaml

from teleport_bootstrap import masking, records, regex
from teleport_bootstrap.finding import Line
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import secret_lines, secret_values, yaml_reading
from teleport_bootstrap.secret import MASK, remember

_ENDED = regex.compile(r"(?:[ \t]*(?:#[^\n]*|\.\.\.)?(?:\n|\Z))*[ \t]*")
_NEXT_DOCUMENT = regex.compile(r"^(?=---[ \t\r\n])", re.MULTILINE)


def masked(text: str, *, as_yaml: bool = False) -> str:
    """Return `text`, which may be no valid YAML, with its secrets masked; with `as_yaml`, masks are in quotes."""
    found = _masked(text, as_yaml=as_yaml)
    _learn(found.secrets)
    return found.text


def secrets_in(text: str) -> tuple[str, ...]:
    """Return the secrets in `text`, also those in its comments and in a text that is not valid YAML."""
    found = tuple(dict.fromkeys(_masked(text).secrets))
    _learn(found)
    return found


def learn(content: bytes | str) -> None:
    """Remember the secrets of a document that was read, so that nothing that is shown from now on holds one."""
    secrets_in(content.decode("utf-8", "replace") if isinstance(content, bytes) else content)


def holds_secret(content: bytes | str) -> bool:
    """Return whether a file with `content` holds a secret."""
    return bool(secrets_in(content.decode("utf-8", "replace") if isinstance(content, bytes) else content))


def document(value: Any) -> Any:
    """Return the values of a document with its secrets masked."""
    return _with_masks(value, secret_values.At())


def secrets_of(value: Any) -> tuple[str, ...]:
    """Return the secrets in the values of a document."""
    found = tuple(dict.fromkeys(each for found in _covered_in(value, secret_values.At()) for each in found.secrets))
    _learn(found)
    return found


def in_message(text: str, secrets: Iterable[str]) -> str:
    """Return what is said about a document, without its `secrets` and without whatever else may not be shown."""
    known = [form for each in secrets for form in (each, *each.splitlines()) if form.strip()]
    if not isinstance(text, Line):
        return masking.without(known, text)
    found = text.finding
    subject, message, remedy = (masking.without(known, each) for each in (found.subject, found.message, found.remedy))
    return Line(text.mark, records.replace(found, subject=subject, message=message, remedy=remedy))


def _learn(secrets: Iterable[str]) -> None:
    for each in secrets:
        if each.strip().lower() not in secret_values.HARMLESS:
            remember(each)


def _beside(value: Mapping[Any, Any]) -> dict[str, str]:
    return {str(key): str(each) for key, each in value.items() if isinstance(each, str)}


def _shown_key(key: Any) -> Any:
    covered = secret_values.in_key(key)
    return key if covered is None else covered.text


def _with_masks(value: Any, at: secret_values.At) -> Any:
    if isinstance(value, dict):
        beside = _beside(value)
        return {_shown_key(key): _with_masks(each, at.below(str(key), beside)) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        texts = [each if isinstance(each, str) else "" for each in value]
        return [_with_masks(each, at.after(texts, index)) for index, each in enumerate(value)]
    if value is None or isinstance(value, bool):
        return value
    covered = secret_values.cover(str(value), at)
    return value if covered is None else covered.text


def _covered_in(value: Any, at: secret_values.At) -> Iterator[secret_values.Covered]:
    if isinstance(value, dict):
        beside = _beside(value)
        for key, each in value.items():
            of_key = secret_values.in_key(key)
            if of_key is not None:
                yield of_key
            yield from _covered_in(each, at.below(str(key), beside))
    elif isinstance(value, (list, tuple)):
        texts = [each if isinstance(each, str) else "" for each in value]
        for index, each in enumerate(value):
            yield from _covered_in(each, at.after(texts, index))
    elif value is not None and not isinstance(value, bool):
        covered = secret_values.cover(str(value), at)
        if covered is not None:
            yield covered


def _masked(text: str, *, as_yaml: bool = False) -> secret_values.Covered:
    """Return a text with its secrets masked, those of each document in it: only the first one counts for Teleport."""
    parts = [_masked_document(each, as_yaml=as_yaml) for each in _NEXT_DOCUMENT.split(text)]
    return secret_values.Covered(
        "".join(each.text for each in parts), tuple(secret for each in parts for secret in each.secrets)
    )


def _masked_document(text: str, *, as_yaml: bool) -> secret_values.Covered:
    root = yaml_reading.node(text)
    if not isinstance(root, (yaml.MappingNode, yaml.SequenceNode)):
        return secret_lines.masked(text)
    pieces, secrets, end = [], [], 0
    spans = {
        (node.start_mark.index, node.end_mark.index): (node, covered)
        for node, covered in _scalars(root, secret_values.At())
    }
    for (start, stop), (node, covered) in sorted(spans.items(), key=lambda item: item[0]):
        if start < end:
            continue
        between = _comments(text[end:start])
        source = text[start:stop]
        blank = source[len(source.rstrip()) :] if getattr(node, "style", None) in ("|", ">") else ""
        quoted = as_yaml or (getattr(node, "style", None) in ("'", '"') and covered.text != MASK)
        pieces += [between.text, (json.dumps(covered.text, ensure_ascii=False) if quoted else covered.text) + blank]
        secrets += [*between.secrets, *covered.secrets]
        end = stop
    # The reader stops where the first node ends: a second one, which is an error, is not in the tree.
    stop = max(end, root.end_mark.index)
    between = _comments(text[end:stop])
    rest = (_comments if _ENDED.fullmatch(text, stop) else secret_lines.masked)(text[stop:])
    secrets += [*between.secrets, *rest.secrets]
    return secret_lines.without_nothing("".join((*pieces, between.text, rest.text)), secrets)


def _scalars(
    node: Any, at: secret_values.At, done: set[tuple[int, str, tuple[str, ...]]] | None = None, depth: int = 0
) -> Iterator[tuple[Any, secret_values.Covered]]:
    """Yield each scalar that has a secret, and how it is shown; what is nested too deeply is masked as a whole.

    What an alias repeats is read again only where other keys are above it: nested aliases would have no end.
    """
    done = set() if done is None else done
    if not isinstance(node, yaml.ScalarNode):
        telling = {each for each in at.keys if secret_values.is_secret_name(each) or "header" in each.lower()}
        place = (id(node), at.keys[-1] if at.keys else "", tuple(sorted(telling)))
        if place in done:
            return
        done.add(place)
    if depth > yaml_reading.DEEPEST:
        yield node, secret_values.Covered(MASK, ())
    elif isinstance(node, yaml.MappingNode):
        beside = {
            key.value: each.value
            for key, each in node.value
            if isinstance(key, yaml.ScalarNode) and isinstance(each, yaml.ScalarNode)
        }
        for key, each in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            of_key = secret_values.in_key(name)
            if of_key is not None:
                yield key, of_key
            yield from _scalars(each, at.below(name, beside), done, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        texts = [each.value if isinstance(each, yaml.ScalarNode) else "" for each in node.value]
        for index, each in enumerate(node.value):
            yield from _scalars(each, at.after(texts, index), done, depth + 1)
    elif isinstance(node, yaml.ScalarNode):
        covered = secret_values.cover(node.value, at)
        if covered is not None:
            yield node, covered


def _comments(text: str) -> secret_values.Covered:
    """Return what is between two masks, with the secrets of settings that are commented out masked."""
    if "#" not in text:
        return secret_values.Covered(text, ())
    shown: list[str] = []
    secrets: list[str] = []
    block: list[str] = []
    for line in (*text.splitlines(keepends=True), ""):
        if line.lstrip().startswith("#"):
            block.append(line)
            continue
        if block:
            found = secret_lines.masked("".join(each.lstrip()[1:] for each in block))
            leads = [each[: len(each) - len(each.lstrip()) + 1] for each in block]
            shown += map("".join, zip(leads, found.text.splitlines(keepends=True)))
            secrets += found.secrets
            block = []
        before, mark, comment = line.partition(" #")
        inside = secret_values.inside(comment) if mark else None
        shown.append(line if inside is None else before + mark + inside.text)
        secrets += inside.secrets if inside is not None else ()
    return secret_values.Covered("".join(shown), tuple(secrets))
