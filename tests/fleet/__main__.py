"""`./dev fleet`: simulate fleets that start at once, or start a few hundred real processes of one."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from tests.fleet import plot, tables
from tests.fleet.scenarios import DEFAULT_LIMIT, RAISED_LIMIT, SIZES, Outcome, simulate

_DOCS = Path(__file__).parents[2] / "docs"
PAGE = _DOCS / "fleets.md"
PLOT = _DOCS / "fleets.svg"
_TITLE = "Time until the last instance has its token, and calls per instance, by the number of instances"


def main() -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="./dev fleet", description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew the figures and the plot of docs/fleets.md")
    parser.add_argument("--largest", type=int, default=max(SIZES), help="leave out larger fleets; default: %(default)s")
    parser.add_argument(
        "--real", type=int, metavar="N", help="start so many real processes against a server on loopback instead"
    )
    arguments = parser.parse_args()
    if arguments.real is not None:
        from tests.fleet import real  # noqa: PLC0415 - it takes the packages of the simulated tests

        return real.main(arguments.real)
    found = []
    for name, fleet in tables.main_fleets([size for size in SIZES if size <= arguments.largest]):
        found.append((name, simulate(fleet)))
        print(f"{fleet.size:,} at {fleet.limit:.0f} a second, {name}", file=sys.stderr)
    parts = {
        "limit 40": tables.main_table(found, DEFAULT_LIMIT),
        "limit 1,000": tables.main_table(found, RAISED_LIMIT),
        "publication": tables.publication_table(),
        "assumptions": tables.assumption_table(),
        "factor": tables.growth_table(),
        "lock": tables.lock_table(),
    }
    for name, lines in parts.items():
        print(f"\n{name}\n", *lines, sep="\n")
    if arguments.write:
        PAGE.write_text(replaced(PAGE.read_text(), parts))
        PLOT.write_text(drawn(found))
    return 0


def replaced(page: str, parts: dict[str, list[str]]) -> str:
    """Return the page with the table of each name in place of the one that follows its comment."""
    for name, lines in parts.items():
        pattern = rf"(<!-- ./dev fleet --write: {re.escape(name)} -->\n)(?:\n(?:\|.*\n)+)?"
        # Nothing in a table is a group's number.
        table = "\n".join(["", *lines, ""]).replace("\\", "\\\\")
        page, count = re.subn(pattern, rf"\g<1>{table}", page)
        if count != 1:
            raise SystemExit(f"{PAGE} has {count} places for {name}")
    return page


def drawn(found: list[tuple[str, Outcome]]) -> str:
    """Return the plot of the fleets with the default limit."""
    last: dict[str, list[tuple[float, float]]] = {}
    calls: dict[str, list[tuple[float, float]]] = {}
    for name, outcome in found:
        if outcome.fleet.limit != DEFAULT_LIMIT or name == tables.NAMES["scripts-cli"]:
            continue
        calls.setdefault(name, []).append((outcome.fleet.size, outcome.calls_each))
        # Of the scripts, most instances of a large fleet have none.
        if outcome.joined == outcome.fleet.size:
            last.setdefault(name, []).append((outcome.fleet.size, outcome.last))
    size = max(outcome.fleet.size for _, outcome in found)
    last["shortest time"] = [(each, each / DEFAULT_LIMIT) for each in SIZES if 100 <= each <= size]
    order = [*calls, "shortest time"]
    panels = [
        (
            "Until the last one has its token",
            "seconds",
            {name: last[name] for name in order if len(last.get(name, [])) > 1},
        ),
        ("Calls of SSM for each instance", "one is the least", calls),
    ]
    return plot.draw(_TITLE, panels)


if __name__ == "__main__":
    sys.exit(main())
