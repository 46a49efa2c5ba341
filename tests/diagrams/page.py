"""The tables of docs/deploy.md that say in words what the pictures show."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teleport_bootstrap import port_table
from tests.diagrams import source
from tests.diagrams.source import Diagram

PAGE = source.FOLDER.parent / "deploy.md"
_PLACE = re.compile(r"(<!-- made by \./dev diagrams: ports of (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def written() -> str:
    """Return the page with its tables renewed."""

    def table(place: re.Match[str]) -> str:
        lines = "".join(f"{line}\n" for line in _table(source.read(place[2])))
        return f"{place[1]}{lines}{place[3]}"

    return _PLACE.sub(table, PAGE.read_text(encoding="utf-8"))


def _table(diagram: Diagram) -> Iterator[str]:
    yield "| from | to | ports |"
    yield "|---|---|---|"
    for link in diagram.links:
        ports = ", ".join(f"{getattr(port_table, name)} ({diagram.words[name]})" for name in link.ports)
        yield f"| {_name(diagram, link.start)} | {_name(diagram, link.end)} | {ports} |"


def _name(diagram: Diagram, box: str) -> str:
    """Return the title of a box without what follows a colon or a comma."""
    return re.split("[:,]", diagram.boxes[box].title)[0]
