"""What `./dev bench` runs, and the page that it writes."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as bench
from benchmarks import figures, page
from benchmarks.machine import Machine
from benchmarks.row import Row
from tests import documents

PAGE = "docs/performance.md"


def row_names(text: str) -> list[str]:
    """The first cells of all tables of a page, without headings."""
    cells = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
    return [cell for cell in cells if cell != "what"]


def test_the_names_of_rows_are_distinct() -> None:
    names = [name for module in bench.GROUPS.values() for name in module.NAMES]
    assert len(names) == len(set(names)) > 10


@pytest.mark.parametrize("group", bench.GROUPS)
def test_issue_16_the_committed_page_has_the_rows_that_are_measured(group: str) -> None:
    module = bench.GROUPS[group]
    text = page.sections(documents.text(PAGE))[page.title(group)]
    assert tuple(row_names(text)) in (module.NAMES, getattr(module, "QUICK_NAMES", module.NAMES)), (
        f"`./dev bench --only {group} --write` renews the section"
    )
    lines = [line for line in text.splitlines() if line.startswith("| ") and "./dev bench" in line]
    assert all(line.endswith(f"`./dev bench --only {group}` |") for line in lines) and lines


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (Row("a", 100.0, 250.0, 0.4, 0.42, "ms", "c"), ("0.40", "≤ 0.42", "met")),
        (Row("a", 100.0, 230.0, 0.4249, 0.42, "ms", "c"), ("0.42", "≤ 0.42", "met")),
        (Row("a", 100.0, 230.0, 0.4251, 0.42, "ms", "c"), ("0.43", "≤ 0.42", "not met")),
        (Row("a", 35.96, 30.0, None, 36.0, "MiB", "c"), ("36.0 MiB", "≤ 36 MiB", "met")),
        (Row("a", 36.06, 30.0, None, 36.0, "MiB", "c"), ("36.1 MiB", "≤ 36 MiB", "not met")),
        (Row("a", 100.0, 50.0, 2.0, None, "ms", "c"), ("2.00", "", "")),
    ],
)
def test_a_row_says_whether_what_is_shown_meets_the_target(row: Row, shown: tuple[str, str, str]) -> None:
    assert (figures.compared(row), figures.target(row), figures.verdict(row)) == shown


def test_the_page_has_a_place_for_each_group_in_the_order_of_the_table() -> None:
    assert list(page.TEXTS) == list(bench.GROUPS)


def test_writing_some_groups_keeps_the_sections_of_the_others() -> None:
    here = Machine(2, "processor", 1000, "6.1", "Debian", "3.9.2", "2026-01-02", 0.5)
    rows = {group: [Row(f"row of {group}", 1.0, 2.0, 0.5, 1.0, "ms", "c")] for group in bench.GROUPS}
    whole = page.text(page.Measured(rows, here, "", 3), "")
    assert row_names(whole) == [f"row of {group}" for group in bench.GROUPS]
    changed = {"conf": [Row("another", 1.0, 2.0, 0.7, 1.0, "ms", "c", before=0.9)]}
    later = page.text(page.Measured(changed, here, "0123456789abcdef", 5), whole)
    assert row_names(later) == ["another" if group == "conf" else f"row of {group}" for group in bench.GROUPS]
    assert page.text(page.Measured({}, here, "", 5), later) == later
    assert later.count("before is commit `0123456789ab`") == 1
