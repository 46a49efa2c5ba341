"""Issue 15, the terminal, point 1: what a terminal shows is what a pipe gets, broken between words and in color."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap import display, wrapping
from teleport_bootstrap.finding import ERROR, Finding, Line, Place
from teleport_bootstrap.host import terminal, typesetting
from teleport_bootstrap.host.typesetting import Source

COLORS = {style: f"\x1b[{30 + style}m" for style in range(9)}
END = "\x1b[m"
_MARK = re.compile(r"\x1b\[[0-9;]*m")

WORDS = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="`"), min_size=1, max_size=12),
    st.sampled_from(
        ("`teleport-bootstrap reconfigure --discard-edits`", "/var/lib/teleport-bootstrap/unit.env,", "漢字")
    ),
    st.sampled_from(("[bold]", ":warning:", "[/red]", "\x1b[31m", "\\[", "`", "DANGER:")),
)
LINES = st.lists(WORDS, max_size=30).map(" ".join)


def on(columns: int, parts: object, quote: typesetting.Quote = typesetting.no_quote) -> str:
    return typesetting.text(parts, terminal.Screen(columns, COLORS, END), quote)  # type: ignore[arg-type]


def units(text: str) -> list[str]:
    """The words of `text`, each command in backticks as one; backticks that are never closed are words."""
    return re.findall(r"(?:`[^`\n]*`|\S)+", text)


@given(LINES, st.integers(40, 200), st.sampled_from(("", "note: ", "DANGER: ", "- ", "    ", "role:         ")))
def test_issue_15_terminal_1_breaks_no_word_no_path_and_no_command(text: str, columns: int, start: str) -> None:
    piped = display.text([start + text])
    shown = _MARK.sub("", on(columns, [start + text]))
    assert units(shown) == units(piped)
    for line in shown.split("\n"):
        assert wrapping.columns(line) <= columns or len(units(line)) <= 1 or line.startswith(start.strip() or "\0"), (
            line
        )
    for each in re.findall("`[^`]+`", piped):
        assert each in shown


@given(st.lists(LINES.map(lambda each: f"+  {each}"), max_size=5), st.integers(40, 200))
def test_issue_15_terminal_1_a_difference_is_broken_between_words_too(lines: list[str], columns: int) -> None:
    diff = display.Difference("\n".join(lines))
    assert units(_MARK.sub("", on(columns, ["x", diff]))) == units(display.text(["x", diff]))


def test_issue_15_terminal_1_a_document_stays_as_it_is() -> None:
    text = display.Block("a: " + "word " * 100 + "\n  b: 1\n")
    assert on(40, text) == text


@given(LINES)
def test_issue_15_terminal_1_text_from_outside_has_no_markup_and_no_sequences(text: str) -> None:
    shown = typesetting.text([text], terminal.Screen(100, {}, ""))
    assert "\x1b" not in shown
    assert units(shown) == units(display.line(text)), "what looks like markup or an emoji code is shown as it is"


def test_issue_15_terminal_1_words_that_matter_have_a_color_and_commands_too() -> None:
    shown = on(80, ["DANGER: the cluster stops", "error: no", "Then run `status`.", "plain"]).split("\n")
    assert shown[0] == f"{COLORS[terminal.DANGER]}DANGER:{END}{COLORS[terminal.DANGER]} the cluster stops{END}"
    assert shown[1] == f"{COLORS[terminal.BAD]}error:{END} no"
    assert shown[2] == f"Then run {COLORS[terminal.COMMAND]}`status`{END}."
    assert shown[3] == "plain"


def test_issue_15_terminal_1_a_wrapped_cell_stays_in_its_column() -> None:
    row = f"unit:          {'word ' * 20}end"
    first, *others = typesetting.text([row], terminal.Screen(50)).split("\n")
    assert first.startswith("unit:          word") and len(others) == 2
    assert all(each.startswith(" " * 15 + "word") for each in others)


FOUND = Finding(ERROR, "x", "A", "is not a port", "write a number", Place("/etc/conf", 3, 8))


def test_issue_15_terminal_1_a_finding_shows_its_line_with_a_caret() -> None:
    shown = typesetting.text(
        [Line("error: ", FOUND)], terminal.Screen(80), lambda found: Source(3, "PORT=12x45", 7 if found is FOUND else 0)
    )
    assert shown.split("\n") == [
        "error: /etc/conf:3:8: is not a port",
        "      3 | PORT=12x45",
        "        |        ^",
        "  → write a number",
    ]
    assert display.text([Line("error: ", FOUND)]) == "error: /etc/conf:3:8: is not a port (write a number)"


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize("caret", [0, 5, 100, 599])
def test_issue_15_terminal_1_a_long_source_line_is_cut_around_its_caret(columns: int, caret: int) -> None:
    text = "".join(chr(ord("a") + at % 26) for at in range(600))
    shown = typesetting.text([Line("", FOUND)], terminal.Screen(columns), lambda _: Source(3, text, caret)).split("\n")
    line, below = shown[1], shown[2]
    assert len(line) <= columns and line[below.index("^")] == text[caret]


def test_issue_15_terminal_1_the_caret_is_below_a_wide_character() -> None:
    shown = typesetting.text([Line("", FOUND)], terminal.Screen(80), lambda _: Source(3, "漢字=x", 2)).split("\n")
    assert shown[2].index("^") == len("      3 | ") + 4


def test_issue_15_terminal_1_an_error_lists_its_findings_with_their_lines() -> None:
    message = display.lines(["conf: 1 problem", str(FOUND), "another line"])
    shown = typesetting.failure(
        "program: ", message, "Edit it.", terminal.Screen(80), findings=[FOUND], quote=lambda _: Source(3, "PORT=x", 5)
    )
    assert shown == [
        "program: conf: 1 problem",
        "  /etc/conf:3:8: is not a port",
        "      3 | PORT=x",
        "        |      ^",
        "  → write a number",
        "  another line",
        "  Edit it.",
    ]


def test_a_command_to_copy_is_not_broken_in_an_error() -> None:
    command = f"    rm -rf -- /var/backups/{'long' * 30}"
    message = display.lines(["not ready", f"/a: {'word ' * 20}", command])
    shown = typesetting.failure("p: ", message, "", terminal.Screen(60), findings=[], quote=typesetting.no_quote)
    assert shown[-1] == f"  {command}" and len(shown) == 4


def test_text_goes_on_below_its_column_where_thirty_columns_are_left() -> None:
    row = f"{'NAME':<45}  {'word ' * 20}end"
    for columns, hang in ((80, 47), (60, 30), (40, 20)):
        _, *others = typesetting.text([row], terminal.Screen(columns)).split("\n")
        assert {len(each) - len(each.lstrip()) for each in others[1:]} == {hang}, columns
