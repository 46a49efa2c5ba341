"""What Teleport says about a teleport.yaml that it refuses, at the place where the operator wrote it.

Teleport names lines of the file that it reads. That file is generated: its values come from the conf, from overrides
and from the instance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import regex
from teleport_bootstrap.finding import ERROR, Finding
from teleport_bootstrap.plan import provenance, yaml_reading

CODE = "teleport-refused"

# As Teleport's YAML library writes them, one after the other: "line 3: field x not found in type config.Proxy".
_PROBLEM = regex.compile(r"line (?P<line>[0-9]{1,6}): (?P<what>.*?)(?=\s*line [0-9]{1,6}: |$)", re.ASCII | re.DOTALL)
_FIELD = regex.compile(r"field (?P<key>.+) not found in type \S+", re.ASCII)
_MOST = 20


def findings(said: str, content: str, tree: provenance.Tree) -> tuple[Finding, ...]:
    """Return a finding for each line of `content` that `said` names, with its origin in `tree`.

    `content` is the generated file, `said` what Teleport printed about it; a line that is not found in it is left out.
    """
    root = yaml_reading.read(content).root
    if root is None:
        return ()
    places = tuple(_places(root, ()))
    found = []
    for match in [*_PROBLEM.finditer(said)][:_MOST]:
        path = _path_at(places, int(match["line"]), match["what"])
        if path is not None:
            found.append(_finding(path, int(match["line"]), match["what"], tree))
    return tuple(found)


def _finding(path: provenance.Path, line: int, what: str, tree: provenance.Tree) -> Finding:
    name, field = provenance.dotted(path), _FIELD.match(what)
    message = f"{name} is a key that this Teleport does not know" if field else f"{name}: {what.strip()}"
    origins = provenance.origins(tree, path)
    written = next((each for each in origins if each.place is not None), None)
    if written is None:
        source = ", ".join(str(each) for each in origins if each != provenance.DEFAULT)
        message += f" (line {line} of the new teleport.yaml{', from ' if source else ''}{source})"
    remedy = "remove it, or correct its name" if field else ""
    return Finding(ERROR, CODE, name, message, remedy, written.place if written else None)


_Places = tuple[tuple[provenance.Path, yaml_reading.Located], ...]


def _places(
    located: yaml_reading.Located, path: provenance.Path
) -> Iterator[tuple[provenance.Path, yaml_reading.Located]]:
    below = located.value.items() if isinstance(located.value, dict) else ()
    for key, each in [*below, *(enumerate(located.value) if isinstance(located.value, list) else ())]:
        yield (*path, key), each
        yield from _places(each, (*path, key))


def _path_at(places: _Places, line: int, what: str) -> provenance.Path | None:
    """Return what is written on `line`: the key that `what` names, or else the innermost of all."""
    there = [path for path, each in places if each.line == line]
    field = _FIELD.match(what)
    named = [path for path in there if field is not None and str(path[-1]) == field["key"]]
    found = named or there
    return found[-1] if found else None
