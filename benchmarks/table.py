"""The table that `./dev bench` prints."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks import figures
from benchmarks.row import Row

_COLUMNS = ("this build", "before", "target", "", "spread", "what was measured")


def lines(rows: Iterable[Row], *, heading: bool) -> Iterable[str]:
    """Yield a heading, and two lines for each row: its name, and its figures."""
    if heading:
        yield _line(_COLUMNS)
    for row in rows:
        yield row.name
        yield _line(
            (
                figures.compared(row),
                figures.before(row),
                figures.target(row),
                figures.verdict(row),
                figures.spread(row.spread),
                figures.both(row),
            )
        )


def _line(cells: tuple[str, ...]) -> str:
    widths = (12, 10, 12, 9, 16, 0)
    return "    " + "".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()
