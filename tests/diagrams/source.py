"""Reads docs/diagrams/NAME.yaml, the text of a picture: boxes and links at their places, ports by their names.

A box is `at: [left, top, width, height]` in units of the picture; a link has the points of its `path`, of which the
first is on the edge of the box that it comes `from`, and the last on that of the box it goes `to`. Its `label` is where
its ports are written; of two that share a line, one has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from teleport_bootstrap import port_table

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "diagrams"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))

Point = tuple[int, int]


@dataclass(frozen=True)
class Box:
    """A box: `kind` is outside, balancer, host, service or frame; the last is an area with a dashed edge."""

    kind: str
    at: tuple[int, int, int, int]
    title: str
    lines: tuple[str, ...] = ()

    def has_on_edge(self, point: Point) -> bool:
        left, top, width, height = self.at
        x, y = point
        inside = left <= x <= left + width and top <= y <= top + height
        return inside and (x in (left, left + width) or y in (top, top + height))


@dataclass(frozen=True)
class Link:
    """A connection that `start` opens to `end`, on these ports of the table by their names."""

    start: str
    end: str
    ports: tuple[str, ...]
    path: tuple[Point, ...]
    label: Point | None

    def numbers(self) -> frozenset[int]:
        return frozenset(getattr(port_table, name) for name in self.ports)


@dataclass(frozen=True)
class Diagram:
    """A picture; `words` says what each port is for."""

    title: str
    size: Point
    boxes: dict[str, Box]
    links: tuple[Link, ...]
    words: dict[str, str] = field(default_factory=dict)

    def problems(self) -> Iterator[str]:
        """Yield links that do not begin or end at their boxes."""
        for link in self.links:
            for name, point in ((link.start, link.path[0]), (link.end, link.path[-1])):
                if not self.boxes[name].has_on_edge(point):
                    yield f"{link.start} to {link.end}: {point} is not on the edge of {name}"


def read(name: str) -> Diagram:
    text = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    boxes = {
        key: Box(each["kind"], tuple(each["at"]), each["title"], tuple(each.get("lines", ())))
        for key, each in text["boxes"].items()
    }
    links = tuple(
        Link(
            each["from"],
            each["to"],
            tuple(each["ports"]),
            tuple((x, y) for x, y in each["path"]),
            tuple(each["label"]) if "label" in each else None,
        )
        for each in text["links"]
    )
    return Diagram(text["title"], tuple(text["size"]), boxes, links, text["words"])
