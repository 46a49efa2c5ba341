"""Read YAML strictly: only JSON's types, no duplicate keys, and a place for every value and every problem.

Teleport reads YAML by the type of each field: `on`, `0123` and `1.10` become whatever the field is, and a string field
gets exactly what was written. This reader does not know the fields, so such words stay as they are, see `Plain`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

# More than any configuration has, and less than Python's own limit of recursion.
DEEPEST = 50

_PREFIX = "tag:yaml.org,2002:"
_NULL, _TEXT = f"{_PREFIX}null", f"{_PREFIX}str"
# Booleans to Teleport's reader, and strings to PyYAML.
_SHORT_WORDS = frozenset(("y", "n"))
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
# Numbers to YAML 1.2 or to Go, and not to YAML 1.1.
_OTHER_NUMBER = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+]?[0-9]+)|0[ob][0-7_]+", re.ASCII)
# To YAML 1.1, 12:30 is a number to base 60, and 2020-01-01 is a date; to Teleport's reader both are text.
_TEXT_TO_TELEPORT = re.compile(
    r"[-+]?[0-9][0-9_]*(?::[0-9]+)+(?:\.[0-9_]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*", re.ASCII
)


@dataclass(eq=False)
class Unreadable(Exception):
    """YAML that is malformed or not strict; `line` and `column` count from 1."""

    message: str
    line: int
    column: int
    hint: str = ""


class Plain(str):
    """A scalar without quotes whose meaning depends on who reads it, such as `on`, `0123` or `1e3`; as written."""

    __slots__ = ()


@dataclass(frozen=True)
class Located:
    """A value, and its line and column, from 1: a scalar, a list of Located, or a dict of Located by their keys.

    `written` is false for an empty value, a `key:` without a value, which YAML reads as null.
    """

    value: Any
    line: int
    column: int
    written: bool = True

    @property
    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: each.plain for key, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain for each in self.value]
        return self.value


@dataclass(frozen=True)
class Reading:
    """The root of a text, None where it is empty, and everything that is wrong with it."""

    root: Located | None
    problems: tuple[Unreadable, ...]


def parse(text: str) -> Any:
    """Return the one document in `text`. Raises Unreadable, with the place, where it is not strict YAML."""
    reading = read(text)
    if reading.problems:
        raise reading.problems[0]
    return None if reading.root is None else reading.root.plain


def read(content: str | bytes) -> Reading:
    """Return the one document in `content` with the place of each value; raises nothing."""
    problems: list[Unreadable] = []
    root, text = None, ""
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        root = _Reader(text, problems).root()
    except yaml.MarkedYAMLError as error:
        problems.append(_malformed(error))
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        problems.append(_after(before, f"the character #x{error.character:04x} is not allowed in YAML"))
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("latin-1")  # the column counts bytes
        problems.append(_after(before, "not UTF-8 text", "save the file as UTF-8"))
    except RecursionError:
        problems.append(Unreadable("nested too deeply", 1, 1))
    return Reading(root, tuple(sorted(problems, key=lambda each: (each.line, each.column))))


def _after(before: str, message: str, hint: str = "") -> Unreadable:
    return Unreadable(message, before.count("\n") + 1, len(before) - before.rfind("\n"), hint)


def _malformed(error: yaml.MarkedYAMLError) -> Unreadable:
    message, hint = " ".join(part for part in (error.problem, error.context) if part), ""
    if "\\t" in message:
        message, hint = "a tab where YAML allows only spaces", "indent with spaces"
    mark = error.problem_mark or error.context_mark
    return Unreadable(message, 1, 1) if mark is None else Unreadable(message, mark.line + 1, mark.column + 1, hint)


class _Reader(yaml.SafeLoader):
    """Reads one document into located values, and adds what is wrong to `problems`."""

    def __init__(self, text: str, problems: list[Unreadable]) -> None:
        super().__init__(text)
        self.problems = problems

    def root(self) -> Located | None:
        try:
            node: yaml.Node | None = self.get_node() if self.check_node() else None
            if self.check_node():
                mark = self.peek_event().start_mark
                self._problem("a second document begins", mark, "put it into its own file")
        finally:
            self.dispose()
        return None if node is None else self._located(node, 0)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias: nested ones can make a short text explode."""
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()
            self._problem(f"the alias *{event.anchor} is not allowed", event.start_mark, "write the value itself")
            return yaml.ScalarNode(_NULL, "null", event.start_mark, event.end_mark)
        return super().compose_node(parent, index)

    def _located(self, node: Any, depth: int) -> Located:
        mark = node.start_mark
        value: Any = None
        written = True
        if depth > DEEPEST:
            self._problem("nested too deeply", mark)
        elif isinstance(node, yaml.MappingNode):
            self._require_tag(node, f"{_PREFIX}map")
            value = self._mapping(node, depth)
        elif isinstance(node, yaml.SequenceNode):
            self._require_tag(node, f"{_PREFIX}seq")
            value = [self._located(each, depth + 1) for each in node.value]
        else:
            value = self._scalar(node)
            written = bool(node.value) or node.style is not None
        return Located(value, mark.line + 1, mark.column + 1, written)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Located]:
        found: dict[str, Located] = {}
        for key_node, value_node in node.value:
            value = self._located(value_node, depth + 1)
            key, mark = key_node.value, key_node.start_mark
            plain = isinstance(key_node, yaml.ScalarNode) and key_node.style is None
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem("the key is not a string", mark)
            elif plain and key_node.tag == f"{_PREFIX}merge":
                self._problem("the merge key << is not allowed", mark, "write the keys themselves")
            elif plain and type(self._scalar(key_node)) is not str:
                self._problem(f"the key {key!r} is not a string; put it in quotes", mark)
            elif key in found:
                self._problem(f"duplicate key {key!r}, first used on line {found[key].line}", mark, "keep one of them")
            else:
                # The place of the key: the operator looks for it there, even if the value is on the next lines.
                found[key] = Located(value.value, mark.line + 1, mark.column + 1, value.written)
        return found

    def _scalar(self, node: Any) -> Any:
        text: str = node.value
        if node.style is not None:
            self._require_tag(node, _TEXT)
            return text
        # What YAML 1.1 reads in a scalar without a tag.
        if not self._require_tag(node, self.resolve(yaml.ScalarNode, text, (True, False))):
            return text
        return _without_quotes(text, node.tag)

    def _require_tag(self, node: Any, tag: str) -> bool:
        if node.tag != tag:
            name = node.tag.replace(_PREFIX, "!!")
            self._problem(f"the tag {name} is not allowed", node.start_mark, "remove it; put text into quotes")
        return bool(node.tag == tag)

    def _problem(self, message: str, mark: Any, hint: str = "") -> None:
        self.problems.append(Unreadable(message, mark.line + 1, mark.column + 1, hint))


def _without_quotes(text: str, tag: str) -> Any:
    """Return the value of a scalar without quotes; `tag` is its type in YAML 1.1."""
    if tag == _NULL:
        return None
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text):
        return int(text)
    if _TEXT_TO_TELEPORT.fullmatch(text):
        return text
    disputed = tag != _TEXT or text.lower() in _SHORT_WORDS or _OTHER_NUMBER.fullmatch(text)
    return Plain(text) if disputed else text
