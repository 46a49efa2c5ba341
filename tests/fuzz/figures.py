"""The figures in docs/fuzzing.md, which `./dev fuzz --write` makes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.fuzz import corpus, process, target

PAGE = process.CHECKOUT / "docs" / "fuzzing.md"
BEGIN, END = "<!-- figures of ./dev fuzz --write -->", "<!-- end of the figures -->"
_HEAD = "| target | what must hold | inputs tried | seconds | edges | features | kept | faults found |\n|" + "---|" * 8
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \|.*$", re.MULTILINE)


def write(results: Sequence[process.Result]) -> None:
    """Replace the rows of these targets in the table; the other rows stay, and those of targets that are gone go."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = {found[1]: found[0] for found in _ROW.finditer(table)}
    rows.update({each.name: _row(each) for each in results if not each.fault})
    lines = [rows[name] for name in target.names() if name in rows]
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join([_HEAD, *lines]) + f"\n\n{END}{after}", encoding="utf-8")


def rows() -> list[str]:
    """Return the targets that the table lists."""
    return _ROW.findall(PAGE.read_text(encoding="utf-8"))


def _row(result: process.Result) -> str:
    kept = corpus.files(result.name)
    size = sum(path.stat().st_size for path in kept)
    thought = target.load(result.name).thought.replace("|", "\\|")
    figures = (f"{result.executions:,}", f"{result.seconds:.0f}", f"{result.edges:,}", f"{result.features:,}")
    found = len(corpus.faults(result.name))
    cells = (f"`{result.name}`", thought, *figures, f"{len(kept)} ({size / 1024:.1f} KiB)", str(found))
    return f"| {' | '.join(cells)} |"
