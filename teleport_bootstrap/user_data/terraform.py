"""User-data in Terraform: a here-document in a `.tf` file, or a template that `templatefile` fills in.

Source: Terraform's language reference, "Strings and Templates".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Place
from teleport_bootstrap.hints import Optional
from teleport_bootstrap.user_data.holes import Hole, Holes
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, whole, without_indent

TEMPLATES = (".tpl", ".tftpl", ".tmpl")
FILES = (".tf", ".tf.json", ".tofu")

_START = regex.compile(r"<<(-?)([A-Za-z_][\w-]*)[ \t]*$")
_OPEN = regex.compile(r"\$\$\{|%%\{|\$\{(?:[^{}\"]|\"(?:[^\"\\]|\\.)*\"|\{[^{}]*\})*\}|%\{[^}]*\}")
_ELSEWHERE = regex.compile(r"\b(templatefile|file|filebase64)\(\s*\"([^\"]+)\"", re.DOTALL)
# A line that is nothing but the content of a file.
_FILE_ALONE = regex.compile(r"\$\{\s*(?:trimspace\()?file\(\s*\"([^\"]+)\"\s*\)\)?\s*\}[ \t]*")
_MODULE = regex.compile(r"\A(?:\$\{path\.(?:module|root|cwd)\}/|\./)")
_BEGINNING = regex.compile(r"(?<!\$)\$\{|(?<!%)%\{")
_STRIPPING = regex.compile(r"\$\{~|\$\{[^{}]*~\}")
# A text in quotes that begins a here-document, as an item of `join`.
_WRITTEN_AROUND = regex.compile(r"\"[^\"\n]*<<-?[ ]?(['\\\\]?)\w+['\"]?[^\"\n]*\"")
_END = "END_OF_THE_CONF"


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


def user_data(file: Text, target: str, holes: Holes, beside: Beside) -> Text:
    """Return the user-data in a `.tf` file: the one here-document that names `target`, or the file that it reads.

    Raises Unknowable.
    """
    found = [each for each in _documents(file) if target in Text(file.path, each).joined]
    if len(found) == 1:
        return template(Text(file.path, found[0]), holes, beside)
    if found:
        numbers = ", ".join(str(each[0].number) for each in found)
        what = f"{len(found)} here-documents of this file write {target}, from lines {numbers}"
        raise Unknowable(
            what, Place(file.path), "keep each in a file of its own, for `templatefile`, and name that one"
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
        while _BEGINNING.search(_OPEN.sub("", line.text)):
            following = next(lines, None)
            if following is None:
                raise Unknowable("an expression of Terraform begins here, and never ends", file.place(first))
            line = line._replace(text=f"{line.text} {following.text.strip()}", exact=False)
        if _STRIPPING.search(line.text):
            what = "`~` in an expression of Terraform takes blanks and line feeds away, which is not followed here"
            raise Unknowable(what, file.place(first), "write it without ~")
        yield line


def _documents(file: Text) -> list[tuple[Line, ...]]:
    found: list[tuple[Line, ...]] = []
    lines = iter(file.lines)
    for line in lines:
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
        if body:
            found.append(tuple(body))
    return found


def _marked(file: Text, line: Line, holes: Holes) -> Line:
    changed = False

    def replace(found: re.Match[str]) -> str:
        nonlocal changed
        changed = True
        if found[0] in ("$${", "%%{"):
            return found[0][1:]
        if found[0].startswith("%"):
            raise Unknowable(f"`{found[0]}` decides in Terraform what is written", file.place(line))
        return holes.mark(Hole(found[0]))

    marked = _OPEN.sub(replace, line.text)
    return line._replace(text=marked, exact=line.exact and not changed)
