"""Issue 15: the pictures of a terminal in the documentation, and what draws them."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.screenshots import svg
from tests.screenshots.svg import Cell

CHECKOUT = Path(__file__).resolve().parents[2]
PICTURES = sorted((CHECKOUT / "docs/screenshots").glob("*.svg"))
SCENES = (
    *("status-healthy", "status-drifted", "status-broken", "validate-failed", "reconfigure-danger"),
    *("restore-progress", "reconfigure-rolled-back"),
)
_TEXT = "{http://www.w3.org/2000/svg}text"


def cells(text: str, **marks: object) -> list[Cell]:
    return [Cell(each, **marks) for each in text]  # type: ignore[arg-type]


def test_issue_15_screenshots_show_every_scene_in_both_widths() -> None:
    wanted = {f"{scene}-{width}.svg" for scene in SCENES for width in (80, 120)}
    assert {each.name for each in PICTURES} == wanted


@pytest.mark.parametrize("picture", PICTURES, ids=lambda each: each.stem)
def test_issue_15_screenshots_are_small_and_well_formed_and_follow_the_page(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    columns = int(picture.stem.rpartition("-")[2])
    assert len(text) < 30_000 and "prefers-color-scheme:dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("https://teleport.", "").replace(
        "http://127.0.0.1:3000", ""
    ), "nothing is loaded from elsewhere"
    edge = float(root.attrib["width"]) - svg.MARGIN
    for each in root.iter(_TEXT):
        start, length = float(each.attrib["x"]), float(each.attrib["textLength"])
        assert start + length <= edge + 0.1 and len(each.text or "") <= columns
        assert length == pytest.approx(len(each.text or "") * svg.WIDTH)


@pytest.mark.parametrize("scene", SCENES)
def test_issue_15_screenshots_are_shown_in_the_documentation(scene: str) -> None:
    pages = [path.read_text(encoding="utf-8") for path in (CHECKOUT / "docs").glob("*.md")]
    assert any(re.search(rf"!\[[^]]+\]\(screenshots/{scene}-\d+\.svg\)", each) for each in pages)


def test_colors_marks_and_columns_are_drawn() -> None:
    line = [*cells("ab  "), *cells("c  d", color="red", bold=True), *cells("<", weak=True)]
    root = ElementTree.fromstring(svg.draw([line], 20, "x"))
    found = [(each.text, each.attrib["x"], each.attrib.get("class")) for each in root.iter(_TEXT)]
    at = [f"{svg.MARGIN + column * svg.WIDTH:g}" for column in (0, 4, 8)]
    blank = "\N{NO-BREAK SPACE}"
    assert found == [("ab", at[0], None), (f"c{blank}{blank}d", at[1], "red bold"), ("<", at[2], "weak")]


def test_a_theme_alone_has_its_own_colors_only() -> None:
    dark = svg.draw([cells("a")], 20, "x", "dark")
    assert svg.DARK["page"] in dark and svg.LIGHT["page"] not in dark and "@media" not in dark
