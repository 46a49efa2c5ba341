"""Text from outside is printed without control characters."""

from __future__ import annotations

import pytest

from teleport_bootstrap import escaping


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain text, ünïcode", "plain text, ünïcode"),
        ("two\nlines\tand \x1b[31mred", "two\\nlines\\tand \\x1b[31mred"),
        ("\u202eright to left", "\\u202eright to left"),
        ("not UTF-8: \udcff", "not UTF-8: \\xff"),
    ],
)
def test_one_line_escapes_unprintable_characters(text: str, printed: str) -> None:
    assert escaping.one_line(text) == printed


def test_one_line_is_cut_to_its_limit() -> None:
    assert escaping.one_line("abcdef", 6) == "abcdef"
    assert escaping.one_line("abcdefg", 6) == "abcdef…"


def test_several_lines_keep_line_feeds_and_tabs_only() -> None:
    assert escaping.several_lines("a\n\tb\r\x1b\u2028") == "a\n\tb\\x0d\\x1b\\xe2\\x80\\xa8"
