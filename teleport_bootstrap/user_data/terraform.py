"""User-data in Terraform: a here-document in a `.tf` file, or a template that `templatefile` fills in.

Source: Terraform's language reference, "Strings and Templates".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Place
from teleport_bootstrap.hints import NamedTuple, Optional
from teleport_bootstrap.user_data.holes import Hole, Holes
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, short, whole, without_indent

TEMPLATES = (".tpl", ".tftpl", ".tmpl")
FILES = (".tf", ".tf.json", ".tofu")

_START = regex.compile(r"<<(-?)([A-Za-z_][\w-]*)[ \t]*$")
_STEP = regex.compile(r"[{}\"\\]|[$%]\{")
_ELSEWHERE = regex.compile(r"\b(templatefile|file|filebase64)\(\s*\"([^\"]+)\"", re.DOTALL)
# A line that is nothing but the content of a file.
_FILE_ALONE = regex.compile(r"\$\{\s*(?:trimspace\()?file\(\s*\"([^\"]+)\"\s*\)\)?\s*\}[ \t]*")
_MODULE = regex.compile(r"\A(?:\$\{path\.(?:module|root|cwd)\}/|\./)")
_BEGINNING = regex.compile(r"\$\$\{|%%\{|\$\{|%\{")
_HEADER = regex.compile(r"(resource|data|module)[ \t]+\"([\w-]+)\"(?:[ \t]+\"([\w-]+)\")?")
_NAME = regex.compile(r"[ \t]*([A-Za-z_][\w-]*)[ \t]*=")
_STRING = regex.compile(r"\"((?:[^\"\\\n]|\\.)*)\"")
_JOIN = regex.compile(r"join\([ \t]*\"\\n\"[ \t]*,[ \t]*\[")
_ITEM = regex.compile(r"(?:\s|#[^\n]*\n)*(?:\"((?:[^\"\\\n]|\\.)*)\"|([\w.-]+))\s*(,(?:\s*\])?|\])")
_ESCAPE = regex.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
# A text in quotes that begins a here-document, as an item of `join`.
_WRITTEN_AROUND = regex.compile(r"\"[^\"\n]*<<-?[ ]?(['\\\\]?)\w+['\"]?[^\"\n]*\"")
_END = "END_OF_THE_CONF"
_LONGEST = 20_000


# Returns the content of a file that is named beside another one, None where it cannot be read.
Beside = Callable[[str], Optional[str]]


def template(file: Text, holes: Holes, beside: Beside) -> Text:
    """Return a template with its open places marked. Raises Unknowable for `%{ if }` and the like."""
    lines: list[Line] = []
    for each in _with_whole_expressions(file):
        inserted = _FILE_ALONE.fullmatch(each.text)
        content = beside(_without_module(inserted[1])) if inserted is not None else None
        if content is not None:
            lines += [each._replace(text=line, exact=False) for line in content.removesuffix("\n").split("\n")]
        else:
            lines.append(_marked(file, each, holes))
    return Text(file.path, tuple(lines))


def user_data(file: Text, target: str, holes: Holes, beside: Beside, resource: str | None = None) -> Text:
    """Return the user-data in a `.tf` file: the one here-document that names `target`, or the file that it reads.

    Of several, `resource` names the one that is meant, such as `aws_instance.web`. Raises Unknowable.
    """
    found = [each for each in _documents(file) if target in Text(file.path, each.lines).joined]
    found = found or list(_texts(file, target))
    if resource is not None:
        chosen = [each for each in found if each.name == resource]
        names = ", ".join(f"{file.path}#{each.name}" for each in found if each.name) or "none has a name"
        if len(chosen) != 1:
            what = f"{len(chosen)} texts of {resource} in this file write {target}"
            raise Unknowable(what, Place(file.path), f"name one of {names}")
        found = chosen
    if len(found) == 1:
        return template(Text(file.path, found[0].lines), holes, beside)
    if found:
        numbers = ", ".join(str(each.lines[0].number) for each in found)
        what = f"{len(found)} texts of this file write {target}, from lines {numbers}"
        names = ", ".join(f"{file.path}#{each.name}" for each in found if each.name)
        raise Unknowable(
            what, Place(file.path), f"name one of {names}" if names else "keep each in a file of its own, and name that"
        )
    others = list(_ELSEWHERE.finditer(file.joined))
    read = [each for each in (_of_file(file, other, target, holes, beside) for other in others) if each is not None]
    if len(read) == 1:
        return read[0]
    if others:
        line = file.lines[file.joined.count("\n", 0, others[0].start())].number
        names = ", ".join(dict.fromkeys(other[2] for other in others))
        what = f"the user-data is in another file, {names}, and which one it is or what it holds is not known here"
        raise Unknowable(what, Place(file.path, line), "name that file with --user-data")
    raise Unknowable(f"no here-document in this file writes {target}", Place(file.path))


def _of_file(file: Text, call: re.Match[str], target: str, holes: Holes, beside: Beside) -> Text | None:
    """Return the user-data that a call of `file` or `templatefile` reads; None for another file, and without one.

    Where the text around it writes the conf, the file is the conf itself.
    """
    name = _without_module(call[2])
    content = beside(name)
    if content is None:
        return None
    path = posixpath.join(posixpath.dirname(file.path), name)
    found = whole(content, path)
    if target in content:
        return template(found, holes, beside) if call[1] == "templatefile" else found
    before = _WRITTEN_AROUND.search(file.joined)
    if before is None or target not in before[0] or call[1] != "file":
        return None
    quote = "'" if before[1] else ""
    beginning = (Line("#!/bin/bash", 1, exact=False), Line(f"cat >{target} <<{quote}{_END}{quote}", 1, exact=False))
    body = found.lines[:-1] if content.endswith("\n") else found.lines
    return Text(path, (*beginning, *body, Line(_END, len(found.lines), exact=False)))


def _without_module(name: str) -> str:
    return _MODULE.sub("", name)


def _with_whole_expressions(file: Text) -> Iterator[Line]:
    """Yield the lines, those together over which one expression goes. Raises Unknowable where one never ends."""
    lines = iter(file.lines)
    for first in lines:
        line = first
        while any(end < 0 for _, end in _expressions(line.text)):
            following = next(lines, None)
            if following is None or len(line.text) > _LONGEST:
                raise Unknowable("an expression of Terraform begins here, and never ends", file.place(first))
            line = line._replace(text=f"{line.text} {following.text.strip()}", exact=False)
        for start, end in _expressions(line.text):
            expression = line.text[start:end]
            if expression.startswith("${") and (expression.startswith("${~") or expression.endswith("~}")):
                what = "`~` in an expression of Terraform takes blanks and line feeds away, which is not followed here"
                raise Unknowable(what, file.place(first), "write it without ~")
        yield line


def _expressions(content: str) -> Iterator[tuple[int, int]]:
    """Yield where each expression begins and ends, escaped ones too; the end is -1 where it is missing."""
    position = 0
    while found := _BEGINNING.search(content, position):
        is_escaped = found[0] in ("$${", "%%{")
        position = found.end() if is_escaped else _end(content, found.end())
        yield found.start(), position
        if position < 0:
            return


def _end(content: str, position: int) -> int:
    """Return where the expression ends that is open at `position`, -1 where it does not."""
    # Each of what is open: braces, and texts in quotes, in which only expressions open something.
    inside = ["{"]
    while inside and (found := _STEP.search(content, position)) is not None:
        position = found.end()
        if inside[-1] == '"':
            if found[0] == "\\":
                position += 1
            elif found[0] == '"':
                inside.pop()
            elif found[0] in ("${", "%{"):
                inside.append("{")
        elif found[0] == "}":
            inside.pop()
        elif found[0] != "\\":
            inside.append('"' if found[0] == '"' else "{")
    return -1 if inside else position


class _Document(NamedTuple):
    """Text in a file of Terraform, and what names it: `aws_instance.web`, or `local.script`."""

    name: str
    lines: tuple[Line, ...]


def _documents(file: Text) -> Iterator[_Document]:
    lines = iter(file.lines)
    block = ""
    for line in lines:
        header = _HEADER.match(line.text)
        if header is not None:
            block = ".".join(each for each in header.groups()[1:] if each)
        elif line.text.startswith("locals"):
            block = "local"
        start = _START.search(line.text)
        if start is None:
            continue
        body: list[Line] = []
        for each in lines:
            if each.text.strip() == start[2]:
                break
            body.append(each)
        if start[1]:
            depths = [len(each.text) - len(each.text.lstrip(" \t")) for each in body if each.text.strip()]
            body = [*without_indent(body, min(depths, default=0))]
        assigned = _NAME.match(line.text)
        name = f"local.{assigned[1]}" if block == "local" and assigned is not None else block
        if body:
            yield _Document(name, tuple(body))


def _texts(file: Text, target: str) -> Iterator[_Document]:
    """Yield texts in quotes that write `target`, with their escapes replaced, and such that `join` puts together."""
    source = file.joined
    joins: list[tuple[int, int]] = []
    for found in _JOIN.finditer(source):
        rows: list[Line] = []
        position = found.end()
        while item := _ITEM.match(source, position):
            position = item.end()
            content = f"${{{item[2]}}}" if item[2] else _unescaped(item[1] or "")
            number = file.lines[source.count("\n", 0, item.start(1) if item[1] is not None else item.start(2))].number
            rows += [Line(each, number, exact=False) for each in (content or "").split("\n")]
            if content is None or item[3].endswith("]"):
                break
        joins.append((found.start(), position))
        if source[position - 1] == "]" and any(target in each.text for each in rows):
            yield _Document("", tuple(rows))
    for found in _STRING.finditer(source):
        content = _unescaped(found[1])
        is_joined = any(start <= found.start() < end for start, end in joins)
        if content is None or is_joined or target not in content or not content.startswith("#"):
            continue
        number = file.lines[source.count("\n", 0, found.start())].number
        yield _Document("", tuple(Line(each, number, exact=False) for each in content.split("\n")))


def _unescaped(written: str) -> str | None:
    if any(each[1] not in _ESCAPES for each in _ESCAPE.finditer(written)):
        return None
    return _ESCAPE.sub(lambda each: _ESCAPES[each[1]], written)


def _marked(file: Text, line: Line, holes: Holes) -> Line:
    pieces: list[str] = []
    before = 0
    for start, end in _expressions(line.text):
        expression = line.text[start:end]
        pieces.append(line.text[before:start])
        before = end
        if expression in ("$${", "%%{"):
            pieces.append(expression[1:])
            continue
        if expression.startswith("%"):
            raise Unknowable(f"`{short(expression)}` decides in Terraform what is written", file.place(line))
        if "teleport.d" in expression:
            what = f"`{short(expression)}` makes what writes the conf in Terraform, which is not followed here"
            raise Unknowable(what, file.place(line), "write cloud-config or the script as it is in the here-document")
        pieces.append(holes.mark(Hole(expression)))
    marked = "".join((*pieces, line.text[before:]))
    return line._replace(text=marked, exact=line.exact and marked == line.text)
