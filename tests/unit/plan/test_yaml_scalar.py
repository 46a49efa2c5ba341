"""One value on one line that every YAML reader reads as that value."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from teleport_bootstrap.plan import yaml_text

# What readers of YAML 1.1 or 1.2, Go's among them, do not read as text without quotes.
NOT_TEXT = re.compile(
    r"""
    | y | n | yes | no | on | off | true | false | null | ~ | = | <<
    | [-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-f_]+|[0-9][0-9_]*(:[0-9]+)*(\.[0-9_]*)?|\.[0-9_]+)([eE][-+]?[0-9]+)?
    | [-+]?\.(inf|nan)
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Allowed everywhere in plain text; other characters only between these, or in quotes.
PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9 ._/:-]*", re.ASCII)

HOSTILE = [
    "",
    " ",
    " leading",
    "trailing ",
    "yes",
    "No",
    "NULL",
    "~",
    "0123",
    "1e3",
    "0x1f",
    "1:30",
    "1.10",
    ".inf",
    "- x",
    "# x",
    "a # x",
    "a: b",
    "a:",
    "&a",
    "*a",
    "!!python/object:os.system x",
    "%YAML 1.2",
    "---",
    "...",
    "@a",
    "`a`",
    "|",
    ">",
    "{{ a }}",
    "{% raw %}",
    "{# a #}",
    "[a]",
    "{a: b}",
    "'a'",
    '"a"',
    "it's",
    "back\\slash",
    "tab\there",
    "bell\x07",
    "next\x85line",
    "no\xa0break",
    "line\u2028separator",
    "paragraph\u2029separator",
    "mark\ufeff",
    "\ufeffmark",
    "astral 😀 𐍈",
    "not a character \ufffe \uffff",
    "combining e\u0301",
    "right to left \u202e",
    "del\x7f",
    "c1 \x9b",
    "new\nline",
    "return\r",
    "x" * 5000,
    "x " * 2500,
]


def read_back(text: str) -> None:
    written = yaml_text.emit(text)
    assert "\n" not in written and "\r" not in written
    assert all(character.isprintable() or character in "\xa0 " or ord(character) > 0xA0 for character in written)
    assert yaml.safe_load(f"key: {written}\n") == {"key": text}
    assert yaml.safe_load(f"- {written}\n") == [text]
    assert yaml.safe_load(f"[{written}, 1]\n") == [text, 1]
    if len(text) < 900:
        assert yaml.safe_load(f"{written}: 1\n") == {text: 1}


@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text)[:30] for text in HOSTILE])
def test_hostile_text_is_read_as_it_was(text: str) -> None:
    read_back(text)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
@settings(max_examples=600)
def test_any_text_is_read_as_it_was(text: str) -> None:
    read_back(text)


@given(st.text(alphabet="aeinosyNOX0123456789_:. -+~=<*&!|>%@`#\"'{}[],/\\", max_size=10))
@settings(max_examples=1500)
@example("1_000")
@example("190:20:30")
@example("0o14")
@example("2001-12-14")
def test_text_without_quotes_is_text_to_every_reader(text: str) -> None:
    written = yaml_text.emit(text)
    if written[:1] == '"':
        read_back(text)
        return
    assert written == text
    assert not NOT_TEXT.fullmatch(text)
    assert PLAIN.fullmatch(text)
    assert ": " not in text and not text.endswith((":", " ")) and "  " not in text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (65000, "65000"),
        ([], "[]"),
        (["uname", "-m"], '[uname, "-m"]'),
        (("a", 1, True), "[a, 1, true]"),
        ("teleport.example.com:443", "teleport.example.com:443"),
        ("/var/lib/teleport/token", "/var/lib/teleport/token"),
        ("dynamodb://events-1", "dynamodb://events-1"),
        ("a person's words", '"a person\'s words"'),
    ],
)
def test_how_values_are_written(value: object, written: str) -> None:
    assert yaml_text.emit(value) == written


@pytest.mark.parametrize("value", [1.5, b"bytes", {"a": 1}, object(), [{"a": 1}], [1.5]])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        yaml_text.emit(value)
