"""Read YAML strictly: only JSON's types, no duplicate keys, and a place for every value and every problem.

Teleport reads YAML by the type of each field: `on`, `0123` and `1.10` become whatever the field is, and a string field
gets exactly what was written. This reader does not know the fields, so such words stay as they are, see `Plain`.

There are two ways to read. `read` is for the files of this program and its operators, where an alias or a second
document is refused as a likely mistake. `read_as_teleport` accepts in a teleport.yaml what Teleport accepts there.
"""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Callable

import yaml

from teleport_bootstrap import regex
from teleport_bootstrap.hints import Any, NoReturn
from teleport_bootstrap.records import dataclass

# More than any configuration has, and less than Python's own limit of recursion.
DEEPEST = 50
# With all aliases written out: a short text with nested ones can mean more than fits into memory.
_MOST_VALUES = 100_000

_PREFIX = "tag:yaml.org,2002:"
_NULL, _TEXT, _BINARY, _MERGE = (f"{_PREFIX}{name}" for name in ("null", "str", "binary", "merge"))
# With one of these tags, a scalar says what it would say without quotes and without the tag.
_OF_PLAIN = frozenset(f"{_PREFIX}{name}" for name in ("null", "bool", "int", "float", "timestamp"))
_BREAKS = "\r\n\x85\u2028\u2029"
# Booleans to Teleport's reader, and strings to PyYAML.
_SHORT_WORDS = frozenset(("y", "n"))
_NUMBER = regex.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
# Numbers to YAML 1.2 or to Go, and not to YAML 1.1.
_OTHER_NUMBER = regex.compile(
    r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+]?[0-9]+)|0[ob][0-7_]+", re.ASCII
)
# To YAML 1.1, 12:30 is a number to base 60, and 2020-01-01 is a date; to Teleport's reader both are text.
_TEXT_TO_TELEPORT = regex.compile(
    r"[-+]?[0-9][0-9_]*(?::[0-9]+)+(?:\.[0-9_]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*", re.ASCII
)


@dataclass(eq=False)
class Unreadable(Exception):
    """YAML that is malformed or not strict; `line` and `column` count from 1.

    With `own`, the rule is one of this program: Teleport itself reads the text.
    """

    message: str
    line: int
    column: int
    hint: str = ""
    own: bool = False


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
    return _read(content, _Reader)


def read_as_teleport(content: str | bytes) -> Reading:
    """Return what Teleport reads in `content`, with the place of each value; raises nothing.

    Other than `read`, it takes aliases, merge keys, tags and keys like `on:` and `1:`, and passes over a second
    document, as Teleport does.
    """
    return _read(content, _TeleportReader)


def parse_as_teleport(text: str) -> Any:
    """Return what Teleport reads in `text`, as `read_as_teleport`. Raises Unreadable, with the place."""
    reading = read_as_teleport(text)
    if reading.problems:
        raise reading.problems[0]
    return None if reading.root is None else reading.root.plain


def node(text: str) -> yaml.Node | None:
    """Return the node of the first document in `text`, as Teleport reads it; None where it is empty or malformed."""
    loader = None
    try:
        loader = _TeleportReader(text, [])
        found: yaml.Node | None = loader.get_node() if loader.check_node() else None
    except (yaml.YAMLError, RecursionError):
        return None
    finally:
        if loader is not None:
            loader.dispose()
    return found


def _read(content: str | bytes, reader: Callable[[str, list[Unreadable]], _Reader]) -> Reading:
    problems: list[Unreadable] = []
    root, text = None, ""
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        root = reader(text, problems).root()
    except yaml.MarkedYAMLError as error:
        problems.append(_malformed(error))
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        problems.append(_after(before, f"the character #x{error.character:04x} is not allowed in YAML"))
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("latin-1")  # the column counts bytes
        problem = _after(before, "not UTF-8 text", "save the file as UTF-8")
        problem.own = error.object.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # Teleport reads UTF-16
        problems.append(problem)
    except RecursionError:
        problems.append(Unreadable("nested too deeply", 1, 1, own=True))
    return Reading(root, tuple(sorted(problems, key=lambda each: (each.line, each.column))))


def _after(before: str, message: str, hint: str = "") -> Unreadable:
    return Unreadable(message, before.count("\n") + 1, len(before) - before.rfind("\n"), hint)


def _malformed(error: yaml.MarkedYAMLError) -> Unreadable:
    message, hint = " ".join(part for part in (error.problem, error.context) if part), ""
    if "\\t" in message:
        message, hint = "a tab where YAML allows only spaces", "indent with spaces"
    mark = error.problem_mark or error.context_mark
    return Unreadable(message, 1, 1) if mark is None else Unreadable(message, mark.line + 1, mark.column + 1, hint)


class _Loader(yaml.SafeLoader):
    """PyYAML's loader in Python, with tabs where Teleport's reader and the YAML standard allow them.

    Between tokens, before a comment and at the end of a line a tab is a blank. It is none where a block could begin:
    that is indentation.
    """

    def scan_to_next_token(self) -> None:
        """Skip blanks, comments and line breaks."""
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()

    def scan_plain_spaces(self, indent: Any, start_mark: Any) -> Any:
        """Skip the blanks in a scalar without quotes, where a tab follows a word; return them."""
        length = 0
        while self.peek(length) in (" ", "\t"):
            length += 1
        blanks = self.prefix(length)
        if "\t" not in blanks:
            return super().scan_plain_spaces(indent, start_mark)
        self.forward(length)
        # At the end of a line the blanks mean nothing, and the line break decides.
        return super().scan_plain_spaces(indent, start_mark) if self.peek() in _BREAKS else [blanks]

    def scan_flow_scalar_non_spaces(self, double: Any, start_mark: Any) -> Any:
        """Refuse an escape that is not a character, as Teleport's reader does: PyYAML fails, or makes half a one."""
        try:
            chunks: list[str] = super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError):
            self._not_a_character(start_mark)
        if any("\ud800" <= each <= "\udfff" for each in chunks):  # an escape is a chunk of its own
            self._not_a_character(start_mark)
        return chunks

    def _not_a_character(self, start_mark: Any) -> NoReturn:
        what = "found an escape that is not a character"
        raise yaml.scanner.ScannerError("in a text in double quotes", start_mark, what, self.get_mark())

    def scan_yaml_directive_number(self, start_mark: Any) -> Any:
        """Return a number of %YAML; one of thousands of digits, which Python refuses, is an error with a place."""
        try:
            return super().scan_yaml_directive_number(start_mark)
        except ValueError:
            what = "found a version that is too long"
            raise yaml.scanner.ScannerError("in the directive %YAML", start_mark, what, self.get_mark()) from None


class _Reader(_Loader):
    """Reads one document into located values, and adds what is wrong to `problems`."""

    def __init__(self, text: str, problems: list[Unreadable]) -> None:
        super().__init__(text)
        self.problems = problems

    def root(self) -> Located | None:
        try:
            node: yaml.Node | None = self.get_node() if self.check_node() else None
            if self.check_node():
                self._second_document(self.peek_event().start_mark)
        finally:
            self.dispose()
        return None if node is None else self._located(node, 0)

    def _second_document(self, mark: Any) -> None:
        self._own_rule("a second document begins", mark, "put it into its own file")

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias: nested ones can make a short text explode."""
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()
            self._own_rule(f"the alias *{event.anchor} is not allowed", event.start_mark, "write the value itself")
            return yaml.ScalarNode(_NULL, "null", event.start_mark, event.end_mark)
        return super().compose_node(parent, index)

    def _located(self, node: Any, depth: int) -> Located:
        mark = node.start_mark
        value: Any = None
        written = True
        if depth > DEEPEST:
            self._own_rule("nested too deeply", mark)
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
            mark = key_node.start_mark
            if isinstance(key_node, yaml.ScalarNode) and key_node.tag == _MERGE:
                self._merge(found, value_node, mark, depth)
                continue
            value = self._located(value_node, depth + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem("the key is not a string", mark)
                continue
            key = self._key(key_node)
            if key is not None:
                self._add(found, key, Located(value.value, mark.line + 1, mark.column + 1, value.written), mark)
        return found

    def _add(self, found: dict[str, Located], key: str, value: Located, mark: Any) -> None:
        """Add a value at the place of its key: the operator looks for it there, even if it is on the next lines."""
        if key in found:
            self._problem(f"duplicate key {key!r}, first used on line {found[key].line}", mark, "keep one of them")
        else:
            found[key] = value

    def _merge(self, found: dict[str, Located], node: Any, mark: Any, depth: int) -> None:  # noqa: ARG002
        self._located(node, depth + 1)
        self._own_rule("the merge key << is not allowed", mark, "write the keys themselves")

    def _key(self, node: Any) -> str | None:
        """Return the key in `node`, None where it cannot be used."""
        key: str = node.value
        if node.style is None and type(self._scalar(node)) is not str:
            self._own_rule(f"the key {key!r} is not a string; put it in quotes", node.start_mark)
            return None
        return key

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
            self._own_rule(f"the tag {name} is not allowed", node.start_mark, "remove it; put text into quotes")
        return bool(node.tag == tag)

    def _problem(self, message: str, mark: Any, hint: str = "", *, own: bool = False) -> None:
        self.problems.append(Unreadable(message, mark.line + 1, mark.column + 1, hint, own))

    def _own_rule(self, message: str, mark: Any, hint: str = "") -> None:
        """Report what Teleport reads and this program does not."""
        rule = "a rule of teleport-bootstrap"
        self._problem(message, mark, f"{hint}; this is {rule}" if hint else rule, own=True)


class _TeleportReader(_Reader):
    """Reads what Teleport reads in its configuration: go-yaml's UnmarshalStrict into fields of known types."""

    def __init__(self, text: str, problems: list[Unreadable]) -> None:
        super().__init__(text, problems)
        self._count = 0
        self._open: set[int] = set()

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Take an alias for its value."""
        return super(_Reader, self).compose_node(parent, index)

    def _second_document(self, mark: Any) -> None:
        """Pass over it, as Teleport does."""

    def _located(self, node: Any, depth: int) -> Located:
        self._count += 1
        if self._count > _MOST_VALUES:
            if self._count == _MOST_VALUES + 1:
                self._own_rule("with its aliases written out, the file is too long", node.start_mark)
            return Located(None, node.start_mark.line + 1, node.start_mark.column + 1)
        if id(node) in self._open:
            self._problem("the value of this anchor contains itself", node.start_mark)
            return Located(None, node.start_mark.line + 1, node.start_mark.column + 1)
        self._open.add(id(node))
        try:
            return super()._located(node, depth)
        finally:
            self._open.discard(id(node))

    def _merge(self, found: dict[str, Located], node: Any, mark: Any, depth: int) -> None:
        for each in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(each, yaml.MappingNode):
                self._problem("the merge key << needs a mapping, or a list of mappings", mark)
                return
            for key, value in (self._located(each, depth + 1).value or {}).items():
                self._add(found, key, value, mark)

    def _key(self, node: Any) -> str | None:
        """Return the key as it is written: what Teleport's fields and labels are named by."""
        key: str = node.value
        return "" if node.style is None and node.tag == _NULL else key

    def _scalar(self, node: Any) -> Any:
        text: str = node.value
        implied = self.resolve(yaml.ScalarNode, text, (True, False)) if node.style is None else _TEXT
        if node.tag == _BINARY:
            try:
                return base64.b64decode("".join(text.split()), validate=True).decode("utf-8")
            except ValueError:
                self._problem("this is not text in Base64", node.start_mark)
                return text
        if node.tag == implied:
            return text if node.style is not None else _without_quotes(text, node.tag)
        if node.tag in _OF_PLAIN:
            return _without_quotes(text, self.resolve(yaml.ScalarNode, text, (True, False)))
        return text

    def _require_tag(self, node: Any, tag: str) -> bool:  # noqa: ARG002
        """Take any tag: the type of Teleport's field decides."""
        return True


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
