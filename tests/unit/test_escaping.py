"""Text from outside is printed without control characters."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@given(st.text(st.sampled_from("ab \n\t\r\x1b\x7f\u2028\ufe0f\udcff\u00fc"), max_size=8))
def test_a_text_is_escaped_character_by_character(text: str) -> None:
    """Whether or not there is anything to escape in it."""
    assert escaping.several_lines(text) == "".join(map(escaping.several_lines, text))
    assert escaping.in_json(text) == "".join(map(escaping.in_json, text))
    for each in text:
        assert (escaping.several_lines(each) == each) is (each in "\n\t" or escaping.one_line(each) == each)


@pytest.mark.parametrize(
    "sequence",
    [
        *("\x1b[31m", "\x1b[0m", "\x1b[m", "\x1b[1;38;5;208m", "\x1b[38:2::1:2:3m"),  # colors
        *(
            "\x1b[2J",
            "\x1b[K",
            "\x1b[10;20H",
            "\x1b[?25l",
            "\x1b[>4;1m",
            "\x1b[!p",
            "\x1b[1 q",
            "\x1b[200~",
        ),  # cursor, modes
        *(
            "\x1b]0;title\x07",
            "\x1b]0;title\x1b\\",
            "\x1b]8;;https://example.com\x1b\\",
            "\x1b]52;c;QQ==\x07",
        ),  # titles, links
        *("\x1bPq#0\x1b\\", "\x1bXsos\x1b\\", "\x1b^pm\x1b\\", "\x1b_apc\x1b\\"),
        *("\x1bc", "\x1b7", "\x1b=", "\x1bM", "\x1b(B", "\x1b#8", "\x1b%G", "\x1b N"),
        *("\x9b31m", "\x9d0;title\x9c", "\x90q\x9c", "\x84"),  # 8 bits
    ],
)
def test_row_k_a_message_loses_escape_sequences_of_every_kind(sequence: str) -> None:
    assert (
        escaping.without_sequences(f"{sequence}ERROR:{sequence} no {sequence}license{sequence}") == "ERROR: no license"
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b]0;no end of this\nsecond line", "0;no end of this\nsecond line"),
        ("red\x1b[31", "red"),
        ("red\x9b1;3", "red"),
        ("\x1b[31\nred", "31\nred"),
        ("\x1b\x9b0m[31mred", "[31mred"),
        ("\x1b\x1b[0m[31mred", "[31mred"),
        ("a [31m b, ünï\tcode\r\n\x85\u2028", "a [31m b, ünï\tcode\r\n\x85\u2028"),
    ],
)
def test_row_k_nothing_is_hidden_or_joins_up_to_a_sequence(text: str, left: str) -> None:
    assert escaping.without_sequences(text) == left


@pytest.mark.parametrize("opener", ["\x90", "\x9d", "\x1b]", "\x1bP", "\x9b", "\x1b[", "\x1b[1", "\x1b( "])
def test_row_k_beginnings_without_an_end_take_no_more_time_than_their_length(opener: str) -> None:
    begun = time.process_time()
    escaping.without_sequences(opener * 20_000)
    assert time.process_time() - begun < 2
