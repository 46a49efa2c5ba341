"""What the grammar accepts, and the value it gives; tests/simulated compares the same with bash itself."""

from __future__ import annotations

import time

import pytest

from teleport_bootstrap.conf import grammar

GUIDE = b"""USE_ACM="true"
TELEPORT_DOMAIN_NAME="teleport.acmeinc.com"
TELEPORT_EXTERNAL_HOSTNAME="teleport.acmeinc.com"
TELEPORT_EXTERNAL_PORT="443"
TELEPORT_AUTH_SERVER_LB="teleport-nlb.acmeinc.com"
"""


def pairs(text: str | bytes) -> list[tuple[str, str]]:
    parsed = grammar.parse(text.encode() if isinstance(text, str) else text)
    assert parsed.problems == ()
    return [(assignment.name, assignment.value) for assignment in parsed.assignments]


def test_the_guides_conf_gives_its_five_variables() -> None:
    assert pairs(GUIDE) == [
        ("USE_ACM", "true"),
        ("TELEPORT_DOMAIN_NAME", "teleport.acmeinc.com"),
        ("TELEPORT_EXTERNAL_HOSTNAME", "teleport.acmeinc.com"),
        ("TELEPORT_EXTERNAL_PORT", "443"),
        ("TELEPORT_AUTH_SERVER_LB", "teleport-nlb.acmeinc.com"),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=", ""),
        ("A=''", ""),
        ('A=""', ""),
        ("A=b", "b"),
        ("A='b c'", "b c"),
        ('A="b c"', "b c"),
        ("A=a\"b\"'c'", "abc"),
        ("A=b\\ c", "b c"),
        ("A=\\'\\\"\\$\\`\\\\", "'\"$`\\"),
        ("A='\\n$B`c`\"'", '\\n$B`c`"'),
        ('A="\\$\\`\\"\\\\"', '$`"\\'),
        ('A="\\n\\x\\\'"', "\\n\\x\\'"),
        ("A=b\\\nc", "bc"),
        ('A="b\\\nc"', "bc"),
        ("A='b\\\nc'", "b\\\nc"),
        ("A\\\n=b", "b"),
        ('A="b\nc"', "b\nc"),
        ("A=b#c", "b#c"),
        ("A=#c", "#c"),
        ("A=b # c", "b"),
        ("A=b\t#c", "b"),
        ("A=''#c", "#c"),
        ("A=b=c", "b=c"),
        ("A==", "="),
        ("A=*?[a]", "*?[a]"),
        ("A={a,b}", "{a,b}"),
        ("A=a~b", "a~b"),
        ("A='~'", "~"),
        ('A="~"', "~"),
        ("A=\\~", "~"),
        ("A=!x!", "!x!"),
        ("A=$", "$"),
        ("A=a$%", "a$%"),
        ('A="$"', "$"),
        ('A="5$ net"', "5$ net"),
        ("A=é\u0085\u00a0\u3000😀", "é\u0085\u00a0\u3000😀"),
        ('A="\t"', "\t"),
        ("export A=b", "b"),
        ("\texport \tA=b", "b"),
        ("export A=*", "*"),
        ("export A='{a,b}'", "{a,b}"),
        ("  A=b  ", "b"),
        ("A=b", "b"),
        ("A=b\\\n", "b"),
    ],
)
def test_one_assignment_has_the_value_bash_gives_it(text: str, value: str) -> None:
    assert pairs(text) == [("A", value)]
    assert pairs(text + "\n") == [("A", value)]


@pytest.mark.parametrize("value", ["b c", "  b  ", "*", "~", "a'\"b", "{a,b}", "#", "$(x)`y`$B", "\\", "a;b|c&d"])
@pytest.mark.parametrize("form", ["$A", "${A}", '"$A"', '"${A}"', "$\\\nA", "${\\\nA\\\n}"])
@pytest.mark.parametrize("export", ["", "export "])
def test_a_reference_gives_an_earlier_value_untouched(value: str, form: str, export: str) -> None:
    quoted = "'" + value.replace("'", "'\\''") + "'"
    assert pairs(f"A={quoted}\n{export}B={form}")[1] == ("B", value)


def test_references_sit_within_text_and_name_what_they_were_made_from() -> None:
    parsed = grammar.parse(b'A=x\nC=z\nB="a${A}b$C-$A"$A')
    assert parsed.assignments[2].value == "axbz-xx"
    assert parsed.assignments[2].references == ("A", "C", "A", "A")


def test_the_longest_name_after_a_dollar_is_meant() -> None:
    assert pairs("A=1\nAB=2\nC=$AB-$A-B")[2] == ("C", "2-1-B")


def test_assignments_on_a_line_see_those_before_them() -> None:
    assert pairs("A=1 B=$A C=$B$A") == [("A", "1"), ("B", "1"), ("C", "11")]


def test_export_expands_everything_before_it_assigns_anything() -> None:
    assert pairs("A=old\nexport A=new B=$A") == [("A", "old"), ("A", "new"), ("B", "old")]


def test_every_assignment_is_listed_with_the_place_of_its_name() -> None:
    parsed = grammar.parse("# é\n\nA=1  B=é C=3\n export A=4 \\\n  D=5".encode())
    assert [(a.name, a.value, a.line, a.column) for a in parsed.assignments] == [
        ("A", "1", 3, 1),
        ("B", "é", 3, 6),
        ("C", "3", 3, 10),
        ("A", "4", 4, 9),
        ("D", "5", 5, 3),
    ]


@pytest.mark.parametrize(
    "text", ["", "\n", " \t\n", "# it's `odd` $(x) \" \\", "#", "#\n#\\\n", "\\\n", "# \x01\x0c", "  # x"]
)
def test_comments_and_blank_lines_say_nothing(text: str) -> None:
    assert pairs(text) == []


def test_a_comment_does_not_go_on_after_a_backslash() -> None:
    assert pairs("# c \\\nA=1") == [("A", "1")]


def test_a_byte_order_mark_and_crlf_are_taken_away() -> None:
    assert pairs(b"\xef\xbb\xbfA=1\r\n# c\r\nB=\"x\r\ny\" \\\r\nC='z'\r\n") == [("A", "1"), ("B", "x\ny"), ("C", "z")]


def test_words_of_the_shell_are_names_when_assigned() -> None:
    assert pairs("if=1 export=2 while=3") == [("if", "1"), ("export", "2"), ("while", "3")]


def test_a_long_but_possible_file_is_read_in_time() -> None:
    line = 'A="' + "x$$".replace("$$", "\\$") * 10000 + '"\n'
    start = time.process_time()
    assert len(pairs(line * 30)) == 30
    assert time.process_time() - start < 10
