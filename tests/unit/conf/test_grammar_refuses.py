"""What the grammar refuses: what it calls it, where, and that one mistake is reported once."""

from __future__ import annotations

import time

import pytest

from teleport_bootstrap.conf import grammar
from teleport_bootstrap.finding import ERROR, Finding


def problems(text: str | bytes) -> tuple[Finding, ...]:
    return grammar.parse(text.encode() if isinstance(text, str) else text).problems


def only(text: str | bytes) -> Finding:
    found = problems(text)
    assert len(found) == 1, [str(problem) for problem in found]
    assert (found[0].severity, found[0].code) == (ERROR, "conf-grammar")
    assert found[0].remedy
    return found[0]


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("A=$(touch /tmp/x)", 3, "command substitution"),
        ('A="a$(x "y" z)b"', 5, "command substitution"),
        ("A=`x y`", 3, "backticks"),
        ('A="`x`"', 4, "backticks"),
        ("A=$((1+2))", 3, "arithmetic"),
        ("A=$[1+2]", 3, "arithmetic"),
        ("A=${B:-c}", 3, "parameter expansion"),
        ("A=${#B}", 3, "parameter expansion"),
        ("A=${!B}", 3, "parameter expansion"),
        ("A=${}", 3, "parameter expansion"),
        ("A=${B", 3, "parameter expansion"),
        ('A="${B:-c d}"', 4, "parameter expansion"),
        ("A=$1", 3, "parameter of the shell"),
        ("A=$@", 3, "parameter of the shell"),
        ("A=$?", 3, "parameter of the shell"),
        ("A=$$", 3, "parameter of the shell"),
        ('A="$!"', 4, "parameter of the shell"),
        ("A=$*", 3, "parameter of the shell"),
        ("A=$#", 3, "parameter of the shell"),
        ("A=$-", 3, "parameter of the shell"),
        ("A=$'b\\n'", 3, "quote $'"),
        ('A=$"b"', 3, "translation"),
        ("A=$B", 3, "reference to B"),
        ("A=$HOME", 3, "reference to HOME"),
        ('A="${PATH}"', 4, "reference to PATH"),
        ("A=$A", 3, "reference to A"),
        ("A=~", 3, "home directory"),
        ("A=~/x", 3, "home directory"),
        ("A=x:~", 5, "home directory"),
        ("A=x=~", 5, "home directory"),
        ("export A=~", 10, "home directory"),
        ("export A={a,b}", 10, "expands braces"),
        ("export A=x{1..3}", 11, "expands braces"),
        ("A=(a b)", 3, "array"),
        ("A[0]=b", 1, "element of an array"),
        ("export A[0]=b", 8, "element of an array"),
        ("A+=b", 1, "appends"),
        ("export A+=b", 8, "appends"),
        ("A=b;", 4, "; between"),
        ("A=b; B=c; C=d", 4, "; between"),
        ("A=b&", 4, "background"),
        ("A=b && B=c", 5, "&&"),
        ("A=b || B=c", 5, "||"),
        ("A=b | cat", 5, "pipe"),
        ("A=b|C", 4, "pipe"),
        ("A=b >x", 5, "redirection"),
        ("A=<x", 3, "redirection"),
        ("A=<(x)", 3, "process substitution"),
        ("A=@(b|c)", 4, "parenthesis"),
        ("A=b)", 4, "parenthesis"),
        ("(A=b)", 1, "group of commands"),
        ("{ A=b; }", 1, "group of commands"),
        ("f() { x; }", 2, "function"),
        ("function f { x; }", 1, "function"),
        ("if x; then A=b; fi", 1, "condition"),
        ("for x in y; do z; done", 1, "condition"),
        ("[[ x ]]", 1, "condition"),
        ("unset A", 1, "unset"),
        ("declare A=b", 1, "declaration"),
        ("readonly A=b", 1, "declaration"),
        ("local A=b", 1, "declaration"),
        (". /etc/x", 1, "reads another file"),
        ("source x", 1, "reads another file"),
        ("set A=b", 1, "set, a command"),
        ("export", 1, "export without"),
        ("export A", 8, "without a value"),
        ("export -p", 8, "option of export"),
        ("export -n A=b", 8, "option of export"),
        ('export "A=b"', 8, "not NAME=value"),
        ("A=1 export B=2", 5, "export after"),
        ("A=1 cmd", 5, "command after an assignment"),
        ("A=b c", 5, "command after an assignment"),
        ("cmd", 1, "a command"),
        ("echo it's", 1, "a command"),
        ("A =b", 1, "blank next to ="),
        ("A = b", 1, "blank next to ="),
        ("A= b", 4, "blank next to ="),
        ('"A"=b', 1, "quoted"),
        ("A'B'=c", 1, "quoted"),
        ("A-B=c", 1, "name that is not valid"),
        ("1A=c", 1, "name that is not valid"),
        ("É=c", 1, "name that is not valid"),
        ("A: b", 1, "colon"),
        ("\u00a0A=b", 1, "U+00A0"),
        ("\ufeff\ufeffA=b", 1, "U+FEFF"),
        ("A=b\\", 4, "backslash at the end"),
        ("A='b", 3, "single quote that is never closed"),
        ('A=b"c', 4, "double quote that is never closed"),
        ("A='\x01'", 4, "control character"),
        ("A=\x7f", 3, "control character"),
        ("A=b\x0c", 4, "control character"),
        ("\x0bA=b", 1, "control character"),
        ("A=b\rB=c", 4, "carriage return"),
        ("A=b\r", 4, "carriage return"),
        ("A=b\r\r\n", 4, "carriage return"),
        ("PATH=/bin", 1, "assignment to PATH"),
        ("export UID=0", 8, "assignment to UID"),
        ("LC_ALL=C", 1, "assignment to LC_ALL"),
        ("BASH_ENV=x", 1, "assignment to BASH_ENV"),
        ("LD_PRELOAD=x", 1, "assignment to LD_PRELOAD"),
    ],
)
def test_each_thing_is_named_where_it_stands_and_only_once(text: str, column: int, what: str) -> None:
    for prefix in ("", "# first\n"):
        found = only(prefix + text)
        assert what in found.message
        assert (found.place.line, found.place.column) == (1 + prefix.count("\n"), column)


def test_a_null_byte_is_refused_where_it_stands() -> None:
    found = only(b"A=1\nB=\0x\0\n")
    assert "null byte" in found.message
    assert (found.place.line, found.place.column) == (2, 3)


def test_invalid_utf8_is_refused_where_it_stands_with_columns_in_characters() -> None:
    found = only("A=1\nB=é".encode() + b"\xff\xfe\n")
    assert "0xFF" in found.message
    assert (found.place.line, found.place.column) == (2, 4)


def test_utf16_is_called_by_its_name() -> None:
    assert "UTF-16" in only('\ufeffUSE_ACM="true"\r\n'.encode("utf-16-le")).message


@pytest.mark.parametrize(
    "line", [b"A=" + b"x" * 1000000, b"# " + b"y" * 1000000, b'A="' + b"$(" * 500000, b"z" * 1000000]
)
def test_a_line_of_a_megabyte_is_refused_quickly_and_hides_nothing(line: bytes) -> None:
    start = time.process_time()
    found = problems(b"B=1\n" + line + b"\nC=$(x)\nD=$B")
    assert time.process_time() - start < 3
    assert [problem.place.line for problem in found] == [2, 3]
    assert "65536" in found[0].message


def test_a_huge_file_is_refused_as_a_whole() -> None:
    assert "bytes" in only(b"A=1\n" * 1000000).message


def test_values_that_double_cannot_explode() -> None:
    found = problems("A0=" + "x" * 100 + "".join(f"\nA{n + 1}=$A{n}$A{n}" for n in range(60)))
    assert "too long" in found[0].message
    assert len(found) == 1


def test_many_long_values_together_are_refused() -> None:
    found = problems("A=" + "x" * 60000 + "".join(f"\nB{n}=$A" for n in range(30)))
    assert found
    assert all("too long" in problem.message for problem in found)


def test_all_problems_of_a_file_are_reported_at_once_in_order() -> None:
    text = """A=$(x)
GOOD=1
B=`y`
C=(a
  b 'c'
)
unset A
if x; then
  y=$(z)
fi
f() {
  x
}
cat >/etc/x <<EOF
it's
EOF
D=$GOOD E=$NONE F=${G:-1}
for a in b
do
  c
done
this isn't an assignment
H=ok
I="never closed
J=$(x)
"""
    assert [problem.place.line for problem in problems(text)] == [1, 3, 4, 7, 8, 11, 14, 17, 17, 18, 22, 24, 25]


def test_a_refused_assignment_does_not_make_references_to_it_wrong() -> None:
    assert only("A=$(x)\nB=$A\nC=$B").place.line == 1
    assert only("A=(1 2)\nB=$A").place.line == 1
    assert only("A='x\nB=$A").place.line == 1


def test_a_problem_within_quotes_that_go_on_is_reported_alone() -> None:
    assert [problem.place.line for problem in problems('A="x $(y)\nmore $5"\nB=1')] == [1, 2]


def test_an_unclosed_quote_that_a_later_one_hides_is_the_place_of_the_problem() -> None:
    found = only('A="x\nB="y"\n')
    assert (found.place.line, found.place.column) == (1, 3)
    assert "the one on line 2 is never closed" in found.message


@pytest.mark.parametrize(
    "text",
    [
        "TELEPORT_JOIN_TOKEN=hunter2$sesame",
        "TELEPORT_JOIN_TOKEN=hunter2$(sesame)",
        "TELEPORT_JOIN_TOKEN=hunter2 sesame",
        "TELEPORT_JOIN_TOKEN = sesame",
        "TELEPORT_JOIN_TOKEN= sesame",
        "TELEPORT_JOIN_TOKEN: sesame",
        "TELEPORT-JOIN-TOKEN=sesame",
        "TELEPORT_JOIN_TOKEN='sesame",
        "TELEPORT_JOIN_TOKEN=(sesame)",
        "TELEPORT_JOIN_TOKEN+=sesame",
        "export TELEPORT_JOIN_TOKEN sesame",
        'TELEPORT_JOIN_TOKEN="hunter2\n$sesame"',
        "TELEPORT_JOIN_TOKEN=hunter2;sesame",
        "TELEPORT_JOIN_TOKEN=hunter2|sesame",
        "TELEPORT_JOIN_TOKEN=sesame\x01",
    ],
)
def test_no_error_quotes_a_line_that_holds_the_join_token(text: str) -> None:
    found = problems(text)
    assert found
    for problem in found:
        assert "sesame" not in str(problem)
        assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    "line",
    ["if x", "cat <<E", "f() {", "A=$(((", "A=(", "A=`", "A='", 'A="', "A=${x", "it's", "case", "<<a" * 300, ";" * 300],
)
def test_a_file_that_is_not_a_conf_is_refused_quickly_and_with_few_problems(line: str) -> None:
    start = time.process_time()
    found = problems((line + "\n") * (400000 // len(line)))
    assert time.process_time() - start < 10
    assert len(found) <= 201


def test_many_problems_are_all_reported_up_to_two_hundred() -> None:
    assert len(problems("A=$(x)\n" * 200)) == 200
    parsed = grammar.parse(b"A=$(x)\n" * 201)
    assert (len(parsed.problems), parsed.left_out) == (200, 1)
