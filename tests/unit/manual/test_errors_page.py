"""docs/errors.md is what the catalogue gives."""

from __future__ import annotations

import re
from pathlib import Path

from teleport_bootstrap import errors
from teleport_bootstrap.manual import errors_page

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_is_current() -> None:
    command = "python3 -m teleport_bootstrap.manual errors > docs/errors.md"
    assert (DOCS / "errors.md").read_text("utf-8") == errors_page.page(), f"run: {command}"


def test_lists_every_error_below_its_status_with_advice() -> None:
    page = errors_page.page()
    for kind in errors.catalogue():
        section = page.partition(f"\n## {kind.exit_status}: ")[2].partition("\n## ")[0]
        assert f"| `{kind.code}` | " in section, kind.code
        assert errors_page.ADVICE[kind.exit_status] in section


def test_its_links_have_targets() -> None:
    for name, anchor in re.findall(r"\]\(([\w-]+\.md)(?:#([\w-]+))?\)", errors_page.page()):
        text = (DOCS / name).read_text("utf-8")
        headings = {
            re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-")
            for each in re.findall("^#+ (.*)$", text, re.M)
        }
        assert not anchor or anchor in headings, f"{name}#{anchor}"
