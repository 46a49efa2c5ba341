"""The line of a file that a finding is about, to be shown below it on a terminal, with its secrets masked.

A line that is wrong may hold a secret that nothing has recognized as one, such as a token in an open quote.
Of a conf, the value is shown only where its name is that of a variable that holds no secret, or close to one; of a line
that assigns nothing, only a word that is known. The masker of documents knows the lines of YAML.
"""

from __future__ import annotations

import re

from teleport_bootstrap import display, masking, regex
from teleport_bootstrap.conf import refusals, slips, variables
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.host import regular_file
from teleport_bootstrap.host.typesetting import Source
from teleport_bootstrap.plan import secret_mask
from teleport_bootstrap.secret import MASK, looks_secret

_YAML = (".yaml", ".yml")
_LARGEST = 1024 * 1024
# A name, after `export`, and what is between it and its value.
_ASSIGNMENT = regex.compile(
    r"(?P<start>[ \t]*(?:export[ \t]+)?)(?P<name>[A-Za-z_]\w{0,100})(?P<sign>[ \t]*(?:[+:]?=|:|[ \t]|$)[ \t]*)", re.A
)
_NAMED = regex.compile(r"(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*)[ \t]{0,20}[+:]?[=:][ \t]*(?=\S)", re.A)


def source_line(finding: Finding) -> Source | None:
    """Return the line that `finding` is about; None without one, or where it cannot be read or may not be shown."""
    place = finding.place
    if place is None or place.line is None or place.line < 1:
        return None
    try:
        content = regular_file.read(place.file, follow_links=True, limit=_LARGEST)
    except OSError:
        return None
    text = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    lines = text.split("\n")
    if place.line > len(lines):
        return None
    line = lines[place.line - 1].rstrip("\r")
    if place.file.endswith(_YAML):
        masked = secret_mask.masked(text).split("\n")
        shown = masking.mask_foreign(masked[place.line - 1]).rstrip("\r") if len(masked) == len(lines) else None
    else:
        shown = _of_conf(line)
    if shown is None or not shown.strip():
        return None
    caret = None if place.column is None else _caret(line, shown, place.column - 1)
    return Source(
        place.line, display.line(shown), caret if caret is None else len(display.line(f"{shown[:caret]}|")) - 1
    )


def _of_conf(line: str) -> str | None:
    """Return a line of a conf without its secrets, None where nothing of it can be shown."""
    line = line.replace("\t", " ")
    if line.lstrip().startswith("#"):
        return _without_named(line)
    found = _ASSIGNMENT.match(line)
    if found is None:
        return None
    name = found["name"]
    variable = variables.find(name) or variables.find(slips.nearest(name) or "")
    if variable is not None and not variable.secret:
        return line[: found.end()] + _without_named(line[found.end() :])
    if variable is not None or name in refusals.COMMAND_WORDS:
        return line[: found.end()] + (MASK if line[found.end() :].strip() else "")
    return None


def _without_named(text: str) -> str:
    """Return `text` without secrets, and without all that follows a name like that of one."""
    for found in _NAMED.finditer(text):
        variable = variables.find(found["name"])
        if variable.secret if variable is not None else looks_secret(found["name"]):
            return f"{text[: found.end()]}{MASK}"
    return masking.mask_foreign(text)


def _caret(line: str, shown: str, column: int) -> int:
    """Return where `column` of `line` is in what is shown of it: at the mask, for what is masked."""
    same = next((at for at, (one, other) in enumerate(zip(line, shown)) if one != other), min(len(line), len(shown)))
    if column <= same:
        return column
    from_end = len(line) - column
    tail = next((at for at in range(1, min(len(line), len(shown)) + 1) if line[-at] != shown[-at]), 0) - 1
    return len(shown) - from_end if 0 < from_end <= tail else same
