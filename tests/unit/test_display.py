"""Issue 14, row 5: on the way out, nothing controls a terminal or passes for a line of this program."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap import display, errors, escaping
from teleport_bootstrap.cli import result
from teleport_bootstrap.finding import ERROR, Finding, Place
from teleport_bootstrap.host import last_line

_ODD = "\x00\x07\x08\x1b\x7f\x85\x9b\u2028\u202e\u2066\u200b\u3164\ufeff\udcff\n\r\t[]0;ab\ue000\U000e0101"
TEXT = st.text(alphabet=st.characters(codec=None), max_size=60) | st.text(alphabet=_ODD, max_size=60)


def is_one_safe_line(text: str) -> bool:
    return text.isprintable() and all(unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in text)


@given(TEXT)
def test_row_5_a_line_is_one_line_of_what_can_be_seen(text: str) -> None:
    shown = display.line(text)
    assert is_one_safe_line(shown)
    assert display.line(shown) == shown, "what was escaped once stays as it is"
    assert all(map(is_one_safe_line, display.block(text).replace("\t", "").split("\n")))


@given(TEXT)
def test_row_5_json_says_the_same_in_what_can_be_seen(text: str) -> None:
    shown = display.unmasked_json({"a": [text], "b": text})
    assert all(map(is_one_safe_line, shown.split("\n")))
    assert json.loads(shown)["b"].encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


@given(TEXT, TEXT, TEXT)
def test_row_5_an_error_has_as_many_lines_as_it_was_given(summary: str, line: str, remedy: str) -> None:
    found = Finding(ERROR, "x", line, summary, remedy, Place(line, 1))
    error = errors.FileTrouble(summary, hint=remedy, lines=[line], findings=(found,))
    assert error.message.count("\n") == 2
    again = errors.FileTrouble(error.message, hint=error.hint)
    assert again.message == error.message, "an error that repeats another keeps its lines"
    assert is_one_safe_line(error.hint) and all(map(is_one_safe_line, error.message.split("\n")))
    text = result.Result([summary, display.Block(line), remedy], None).output("text")
    assert all(map(is_one_safe_line, text.replace("\t", "").split("\n")))


def test_row_5_a_very_long_line_is_cut() -> None:
    assert len(display.line("x" * 10_000_000)) <= escaping.LONGEST_LINE + 1


def test_row_5_a_block_between_lines_is_indented_and_alone_it_is_as_it_was() -> None:
    assert display.text(["first", display.Block("a: 1\n\tb\n"), "last"]) == "first\n  a: 1\n  \tb\nlast"
    assert display.text(["first", display.Difference("--- a\n+b\n")]) == "first\n--- a\n+b"
    assert display.text(display.Block("a: 1\nb: 2\n")) == "a: 1\nb: 2\n"


@pytest.mark.parametrize("text", ["packing \x1b[2J\nforged", "x" * 500])
def test_row_5_a_progress_line_stays_one_line_of_its_terminal(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setenv("COLUMNS", "80")
    last_line.draw(text, stream)
    assert len(last_line.drawn()) <= 79 and is_one_safe_line(stream.getvalue().removeprefix("\r"))
    last_line.draw("", stream)
    assert last_line.drawn() == ""
