"""Every check has a name of its own, a group, and its place in the page."""

from __future__ import annotations

import re
from pathlib import Path

from teleport_bootstrap.doctor import check, table
from teleport_bootstrap.manual import doctor_page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "doctor.md"


def test_names_are_words_and_differ() -> None:
    names = [each.name for each in table.CHECKS]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)] == []
    # --only takes both.
    assert not set(names) & set(check.GROUPS)


def test_each_is_in_a_group_and_says_what_it_looks_at() -> None:
    for each in table.CHECKS:
        assert each.group in check.GROUPS
        assert each.looks_at and not each.looks_at.endswith(".")
        assert each.name not in ("", each.looks_at)


def test_the_page_is_what_the_table_gives() -> None:
    assert PAGE.read_text("utf-8") == doctor_page.page(), (
        "run: python3 -m teleport_bootstrap.manual doctor > docs/doctor.md"
    )
