"""The grammar of the conf (first version)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from teleport_bootstrap.conf.problem import GRAMMAR, Problem


@dataclass(frozen=True)
class Assignment:
    """One `NAME=value`, with the names that its value refers to."""

    name: str
    value: str
    line: int
    column: int
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parsed:
    """What a conf says."""

    assignments: tuple[Assignment, ...]
    problems: tuple[Problem, ...]


def parse(data: bytes) -> Parsed:
    """Parse plain lines."""
    assignments = []
    problems = []
    for number, line in enumerate(data.decode().splitlines(), 1):
        found = re.fullmatch("([A-Z_][A-Z0-9_]*)=(?:\"([^\"$`\\\\]*)\"|'([^']*)'|([^\\s\"'$`\\\\]*))", line.strip())
        if found:
            value = found[2] or found[3] or found[4] or ""
            assignments.append(Assignment(found[1], value, number, 1))
        elif line.strip() and not line.lstrip().startswith("#"):
            problems.append(Problem(GRAMMAR, "not a plain assignment", "write NAME=value", number, 1))
    return Parsed(tuple(assignments), tuple(problems))
