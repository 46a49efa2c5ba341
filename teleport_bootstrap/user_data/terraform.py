"""User-data in Terraform: a here-document in a `.tf` file, or a template that `templatefile` fills in.

Source: Terraform's language reference, "Strings and Templates".
"""

from __future__ import annotations

import re

from teleport_bootstrap import regex
from teleport_bootstrap.finding import Place
from teleport_bootstrap.user_data.holes import Hole, Holes
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, without_indent

TEMPLATES = (".tpl", ".tftpl", ".tmpl")
FILES = (".tf", ".tf.json", ".tofu")

_START = regex.compile(r"<<(-?)([A-Za-z_][\w-]*)[ \t]*$")
_OPEN = regex.compile(r"\$\$\{|%%\{|\$\{(?:[^{}\"]|\"(?:[^\"\\]|\\.)*\"|\{[^{}]*\})*\}|%\{[^}]*\}")
_ELSEWHERE = regex.compile(r"(?:templatefile|file|filebase64)\(\s*\"([^\"]+)\"", re.DOTALL)


def template(file: Text, holes: Holes) -> Text:
    """Return a template with its open places marked. Raises Unknowable for `%{ if }` and the like."""
    return Text(file.path, tuple(_marked(file, each, holes) for each in file.lines))


def user_data(file: Text, target: str, holes: Holes) -> Text:
    """Return the user-data in a `.tf` file, the one here-document that names `target`. Raises Unknowable."""
    found = [each for each in _documents(file) if target in Text(file.path, each).joined]
    if len(found) == 1:
        return template(Text(file.path, found[0]), holes)
    if found:
        numbers = ", ".join(str(each[0].number) for each in found)
        what = f"{len(found)} here-documents of this file write {target}, from lines {numbers}"
        raise Unknowable(
            what, Place(file.path), "keep each in a file of its own, for `templatefile`, and name that one"
        )
    other = _ELSEWHERE.search(file.joined)
    if other is not None:
        line = file.lines[file.joined.count("\n", 0, other.start())].number
        what = f"the user-data is in another file, {other[1]}"
        raise Unknowable(what, Place(file.path, line), "name that file with --user-data")
    raise Unknowable(f"no here-document in this file writes {target}", Place(file.path))


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
