"""What holds for any file at all."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from teleport_bootstrap.conf import conf_file, grammar

FRAGMENTS = st.sampled_from(
    [
        "A",
        "=",
        "B=",
        "\nA=",
        "export ",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\\",
        "'",
        '"',
        "$",
        "${",
        "}",
        "(",
        ")",
        "$(",
        "`",
        "~",
        "#",
        ";",
        "|",
        "&",
        "<<E",
        "\nE\n",
        "<",
        ">",
        "{",
        "if ",
        "\nfi\n",
        "f() {",
        "\n}\n",
        "é",
        "\0",
        "\ufeff",
        "$A",
        "[",
        "+",
    ]
)
SCRIPTS = st.lists(FRAGMENTS, max_size=25).map("".join)
PLAIN_VALUES = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=40)


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=60), SCRIPTS.map(str.encode)))
@example(b"\xef\xbb\xbf")
@example(b"A=\xff'\0$(")
def test_any_bytes_give_problems_in_order_or_none_and_never_an_exception(data: bytes) -> None:
    parsed = grammar.parse(data)
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    places = [(problem.place.line or 0, problem.place.column or 0) for problem in parsed.problems]
    assert places == sorted(places)
    for problem in parsed.problems:
        assert problem.code == "conf-grammar"
        assert problem.remedy
        assert problem.place.line is not None
        assert problem.place.column is not None
        assert 1 <= problem.place.line <= len(lines)
        assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1
    inspection = conf_file.inspect(data, "conf")
    assert (inspection.conf is None) == bool(inspection.errors)


@settings(max_examples=200)
@given(PLAIN_VALUES)
def test_any_text_in_single_quotes_is_itself(value: str) -> None:
    quoted = "'" + value.replace("'", "'\"'\"'") + "'"
    assert [assignment.value for assignment in grammar.parse(f"A={quoted}".encode()).assignments] == [value]


@settings(max_examples=200)
@given(PLAIN_VALUES)
def test_any_text_escaped_in_double_quotes_is_itself(value: str) -> None:
    escaped = "".join("\\" + character if character in '\\"$`' else character for character in value)
    assert [assignment.value for assignment in grammar.parse(f'A="{escaped}"'.encode()).assignments] == [value]


@settings(max_examples=200)
@given(st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=40))
def test_any_text_with_each_character_escaped_is_itself(value: str) -> None:
    escaped = "".join("\\" + character for character in value)
    assert [assignment.value for assignment in grammar.parse(f"export A={escaped}".encode()).assignments] == [value]


@settings(max_examples=200)
@given(SCRIPTS)
def test_windows_line_ends_and_a_byte_order_mark_change_nothing(text: str) -> None:
    text = text.replace("\r\n", "\n").lstrip("\ufeff")
    windows = "\ufeff" + text.replace("\n", "\r\n")
    assert grammar.parse(windows.encode()) == grammar.parse(text.encode())


@settings(max_examples=200)
@given(SCRIPTS)
def test_a_token_is_in_no_output_however_its_line_is_broken(noise: str) -> None:
    noise = noise.replace("\n", "").replace("=", "")  # neither another line nor another assignment
    text = f"TELEPORT_JOIN_TOKEN=se5ame{noise}se5ame\n"
    inspection = conf_file.inspect(text.encode(), "conf")
    assert "se5ame" not in repr((inspection.errors, inspection.warnings, inspection.variables))
    assert "se5ame" not in repr(inspection.conf)
