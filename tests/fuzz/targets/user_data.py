"""User-data of any form: read or refused in time, lines at places that the file has, and no secret in what is said.

The first byte chooses how the file is named, which decides what it is read as.
"""

from __future__ import annotations

from teleport_bootstrap.finding import Finding
from teleport_bootstrap.user_data import conf_of
from tests.fuzz.oracle import catalogue, findings, holds

LONGEST = 4096
NAMES = ("user-data", "main.tf", "node.tftpl", "stack.json")
OTHER = "#!/bin/bash\ncat > /etc/teleport.d/conf <<EOF\nTELEPORT_ROLE=node\nEOF\n"


def check(data: bytes) -> None:
    """Read `data`, without its first byte, as user-data."""
    name = NAMES[data[0] % len(NAMES)] if data else NAMES[0]
    body = data[1:]
    # What the reader counts as lines: those of the text, also of one that is packed.
    most = body.count(b"\n") + 1
    with catalogue():
        found = conf_of.read(body, name, lambda other: OTHER if other.endswith(".sh") else None)
        findings(found.findings)
        _inside(found.findings, name, most)
        holds(found.data.strip(), "a conf that says nothing is refused")
        holds(set(found.unsure) <= set(found.findings))
        if found.path == name:
            holds(found.data.count(b"\n") <= most, (found.data, most))
            holds(all(1 <= line <= most and column >= 0 for line, column in found.columns.items()), found.columns)


def _inside(found: tuple[Finding, ...], name: str, most: int) -> None:
    for each in found:
        place = each.place
        if place is not None and place.file == name and place.line is not None:
            holds(1 <= place.line <= most, each)
