"""YAML is read as it is written: no word becomes a number or a boolean that Teleport would read differently."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap.plan import secret_mask, yaml_reading, yaml_text
from teleport_bootstrap.plan.yaml_reading import Plain

HEAD = {"program": "p", "conf": "c", "instance": "i", "teleport": "t"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("3080", 3080),
        ("-1", -1),
        ("0", 0),
        ("null", None),
        ("~", None),
        ("text", "text"),
        ('"on"', "on"),
        ("'0123'", "0123"),
        ("12:30", "12:30"),
        ("1:2:3.5", "1:2:3.5"),
        ("2020-01-01", "2020-01-01"),
        ("2020-01-01 10:00:00", "2020-01-01 10:00:00"),
        ("0.0.0.0:3080", "0.0.0.0:3080"),
        ("[a, 1]", ["a", 1]),
        ("{a: b}", {"a": "b"}),
    ],
)
def test_a_value_that_all_readers_agree_on_is_that_value(written: str, value: Any) -> None:
    found = yaml_reading.parse(f"key: {written}\n")["key"]
    assert (found, type(found)) == (value, type(value))


NOT_CHARACTERS = ["\\ud800", "\\udfff", "\\ud83d\\ude00", "\\U00110000", "\\UFFFFFFFF", "\\U0000D800"]


@pytest.mark.parametrize("escape", NOT_CHARACTERS)
@pytest.mark.parametrize("line", ['b: "x{}y"', '"b{}": 1', "b: [1, '', \"{}\"]", '{{b: "{}"}}'])
def test_an_escape_that_is_not_a_character_is_refused_at_its_line(line: str, escape: str) -> None:
    """Found by the fuzzer, issue 14: PyYAML fails with a ValueError, or makes half a character, which no file holds.

    go-yaml refuses the same (scannerc.go, "found invalid Unicode character escape code").
    """
    text = "# first\n" + line.format(escape) + "\n"
    for read in (yaml_reading.read, yaml_reading.read_as_teleport):
        found = read(text)
        assert found.root is None
        assert [(each.line, each.own) for each in found.problems] == [(2, False)]
        assert "not a character" in found.problems[0].message
    assert yaml_reading.node(text) is None
    assert "hunter2hunter2" not in secret_mask.masked(f"password: hunter2hunter2\n{text}")


def test_an_escape_of_a_rare_character_is_that_character() -> None:
    assert yaml_reading.parse('a: "\\U0001F600\\U0010FFFF\\xe9\\u2028"\n') == {"a": "\U0001f600\U0010ffff\xe9\u2028"}


def test_a_version_of_yaml_with_thousands_of_digits_is_refused_or_read() -> None:
    """Python before 3.9.14, as in Debian 11, reads a number of any length."""
    found = yaml_reading.read(f"%YAML 1.{'9' * 5000}\n---\na: 1\n")
    expected = [(1, True)] if hasattr(sys, "get_int_max_str_digits") else []
    assert [(each.line, len(each.message) < 100) for each in found.problems] == expected


DISPUTED = [
    *("on", "off", "yes", "NO", "y", "n", "N", "True", "FALSE", "0123", "0o17", "0x1F", "0b1", "1_000"),
    *("+1", "-0", "1.10", "1e3", "1.5e+3", ".5", ".inf", ".NaN", "9999999999999999999999"),
]


@pytest.mark.parametrize("word", DISPUTED)
def test_a_word_that_readers_dispute_stays_as_written_without_quotes(word: str) -> None:
    found = yaml_reading.parse(f"key: {word}\n")
    assert type(found["key"]) is Plain
    assert found["key"] == word
    text = yaml_text.teleport_yaml(found, HEAD, ("a.yaml",))
    assert f"\nkey: {word}\n" in text


@pytest.mark.parametrize("word", DISPUTED)
def test_the_same_word_in_quotes_keeps_them(word: str) -> None:
    found = yaml_reading.parse(f"key: '{word}'\n")
    assert type(found["key"]) is str
    assert f'\nkey: "{word}"\n' in yaml_text.teleport_yaml(found, HEAD, ("a.yaml",))


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a:\n\tb: 1\n", (2, 1), "a tab where YAML allows only spaces"),
        ("a:\n  b: 1\n  b: 2\n", (3, 3), "duplicate key 'b', first used on line 2"),
        ("1: a\n", (1, 1), "the key '1' is not a string"),
        ("a: 1\nyes: b\n", (2, 1), "the key 'yes' is not a string"),
        ("n: b\n", (1, 1), "the key 'n' is not a string"),
        ("? [a]\n: b\n", (1, 3), "the key is not a string"),
        ("a: 1\n---\nb: 1\n", (2, 1), "a second document begins"),
        ("a: &x 1\nb: *x\n", (2, 4), "the alias *x is not allowed"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", (3, 3), "the merge key << is not allowed"),
        ("a: !python/object:os.system x\n", (1, 4), "the tag !python/object:os.system is not allowed"),
        ("a: !!str 12\n", (1, 4), "the tag !!str is not allowed"),
        ("a: !!binary aGk=\n", (1, 4), "the tag !!binary is not allowed"),
        ("a: !!set {b}\n", (1, 4), "the tag !!set is not allowed"),
        ("a: [1\n", (2, 1), "flow sequence"),
        ("a: b\n c: d\n", (2, 3), "mapping values are not allowed here"),
        ("a: 1\nb: \x01\n", (2, 4), "the character #x0001 is not allowed"),
        ("a: " + "[" * 3000, (1, 1), "nested too deeply"),
        ("a: " + "{b: " * 60 + "1" + "}" * 60, None, "nested too deeply"),
    ],
)
def test_yaml_that_is_not_strict_is_refused_at_its_place(text: str, place: tuple[int, int] | None, said: str) -> None:
    problems = yaml_reading.read(text).problems
    assert any(said in problem.message for problem in problems), [each.message for each in problems]
    found = next(problem for problem in problems if said in problem.message)
    assert place is None or (found.line, found.column) == place
    with pytest.raises(yaml_reading.Unreadable):
        yaml_reading.parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: x\nYes: y\nn: z\n", {"on": "x", "Yes": "y", "n": "z"}),
        (
            "1: x\n1.5: y\n0x1F: z\ntrue: t\n2020-01-01: d\n",
            {"1": "x", "1.5": "y", "0x1F": "z", "true": "t", "2020-01-01": "d"},
        ),
        ("~: x\n", {"": "x"}),
        ("a: &x 1\nb: *x\n", {"a": 1, "b": 1}),
        ("a: &x [1, {c: d}]\nb: {e: *x}\n", {"a": [1, {"c": "d"}], "b": {"e": [1, {"c": "d"}]}}),
        ("&k a: b\nc: {*k : d}\n", {"a": "b", "c": {"a": "d"}}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}\n", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("c: {<<: [{a: 1}, {b: 2}], d: 3}\n", {"c": {"a": 1, "b": 2, "d": 3}}),
        ("c: {'<<': x}\n", {"c": {"<<": "x"}}),
        ("a: !!str 12\nb: !!int 12\nc: !own x\nd: !!binary aGk=\n", {"a": "12", "b": 12, "c": "x", "d": "hi"}),
        ("a: 1\n---\nb: 1\n", {"a": 1}),
        (
            "a:\tb\nc: [d,\te]\nf: g\t# comment\nh: i\t\nj: k\tl\n",
            {"a": "b", "c": ["d", "e"], "f": "g", "h": "i", "j": "k\tl"},
        ),
        ("? a\n: b\n", {"a": "b"}),
    ],
)
def test_row_8_what_teleport_accepts_in_its_file_is_read_as_it_reads_it(text: str, value: Any) -> None:
    """Each was tried with `teleport configure --test` of 12.0.0, which uses yaml.v2, as 17 does."""
    assert yaml_reading.read_as_teleport(text).problems == ()
    assert yaml_reading.parse_as_teleport(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "a: {b: 1, b: 2}\n",
        "a: {'1': x, 1: y}\n",
        "a: &l {b: 1}\nc: {<<: *l, b: 2}\n",
        "c: {<<: [{a: 1}, {a: 2}]}\n",
        "a: {<<: b}\n",
        "a: *nowhere\n",
        "a: &s {b: *s}\n",
        "a: &s {<<: *s}\n",
        "? [a]\n: b\n",
        "a:\n\tb: 1\n",
        "a:\n-\tb\n",
    ],
)
def test_row_8_a_rule_of_teleport_is_not_called_one_of_this_program(text: str) -> None:
    problems = yaml_reading.read_as_teleport(text).problems
    assert problems and not any(each.own for each in problems), problems


@pytest.mark.parametrize(
    "text", ["on: x\n", "12: x\n", "a: &x 1\nb: *x\n", "a: !!str 1\n", "a: 1\n---\nb: 1\n", "a: {<<: {b: c}}\n"]
)
def test_row_8_a_rule_of_this_program_is_called_so(text: str) -> None:
    problems = yaml_reading.read(text).problems
    assert problems and all(each.own and "a rule of teleport-bootstrap" in each.hint for each in problems)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_row_8_teleport_reads_utf_16_with_a_mark_and_no_other_encoding(encoding: str) -> None:
    (problem,) = yaml_reading.read_as_teleport("teleport: {nodename: caf\u00e9}".encode(encoding)).problems
    assert (problem.own, problem.hint) == (encoding == "utf-16", "save the file as UTF-8")


@pytest.mark.parametrize("text", ["a:\tb\n", "a: b\t# comment\n", "a: [1,\t2]\n", "a: b \t \n", "a: b\t\n\nc: d\n"])
def test_row_8_tabs_between_tokens_are_blanks(text: str) -> None:
    assert yaml_reading.read(text).problems == ()


def test_row_8_aliases_cannot_explode_in_the_file_of_teleport_either() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"b{number}: &a{number} [{', '.join([f'*a{number - 1}' if number else '*a'] * 9)}]\n" for number in range(9)
    )
    problems = yaml_reading.read_as_teleport(bomb).problems
    assert [each.own for each in problems] == [True]


def test_an_alias_cannot_explode() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [*{before}, *{before}]\n" for before, name in zip("abcdefgh", "bcdefghi")
    )
    assert len(yaml_reading.read(bomb).problems) == 16


def test_all_problems_are_reported_at_once_and_in_order() -> None:
    problems = yaml_reading.read("b: 1\na: 1\na: 2\nc: !x 1\n2: 3\n").problems
    assert [problem.line for problem in problems] == [3, 4, 5]


def test_every_value_has_its_line() -> None:
    root = yaml_reading.read("a:\n  b: 1\n  c:\n    - d: |\n        long\n    - e\n").root
    assert root is not None
    below = root.value["a"].value
    assert (below["b"].line, below["b"].column) == (2, 3)
    assert below["c"].value[0].value["d"].line == 4
    assert below["c"].value[1].line == 6


def test_an_empty_value_differs_from_a_written_null() -> None:
    root = yaml_reading.read("a:\nb: null\nc: ''\n").root
    assert root is not None
    assert [(each.value, each.written) for each in root.value.values()] == [(None, False), (None, True), ("", True)]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_text_has_no_problems(text: str) -> None:
    reading = yaml_reading.read(text)
    assert reading.problems == ()
    assert reading.root is None or reading.root.value is None


@given(st.text(alphabet=st.sampled_from("ab: \n\t-[]{}'\"&*!|>%@#?,~<=0159.\x00\u2028é"), max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    reading = yaml_reading.read(text)
    for problem in reading.problems:
        assert problem.line >= 1
        assert problem.column >= 1


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(10**17), 10**17), st.text(max_size=10))
DOCUMENTS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_size=4,
)


@given(DOCUMENTS, st.dictionaries(st.sampled_from(tuple(HEAD)), st.text(max_size=10)), st.lists(st.text(max_size=9)))
def test_issue_16_a_document_is_written_as_its_template_is_rendered(
    document: dict[str, Any], head: dict[str, str], files: list[str]
) -> None:
    """So that no command waits for Jinja2, which renders templates that were changed."""
    for section in ("teleport", "auth_service", "proxy_service"):  # places with comments
        if document and section not in document:
            value = next(iter(document.values()))
            document = {
                **document,
                section: {"join_params": value, "storage": document, "cluster_name": 1, "trust_x_forwarded_for": value},
            }
    whole = yaml_text.rendered("teleport.yaml.j2", document, header={**HEAD, **head}, overrides=files)
    assert yaml_text.teleport_yaml(document, {**HEAD, **head}, files) == whole
    assert yaml_text.body(document) == yaml_text.rendered("node.yaml.j2", document)


def test_issue_16_a_template_that_was_changed_is_rendered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(yaml_text._TEMPLATES, templates)
    monkeypatch.setattr(yaml_text, "_TEMPLATES", str(templates))
    forget = (yaml_text._are_templates_known.cache_clear, yaml_text._environment.cache_clear)
    try:
        for each in forget:
            each()
        before = yaml_text.teleport_yaml({"a": "b"}, HEAD)
        head = templates / "teleport.yaml.j2"
        head.write_text(f"# Ours.\n{head.read_text()}")
        for each in forget:
            each()
        assert yaml_text.teleport_yaml({"a": "b"}, HEAD) == f"# Ours.\n{before}"
    finally:
        monkeypatch.undo()
        for each in forget:
            each()


@given(DOCUMENTS)
def test_a_written_document_is_read_as_it_was(document: dict[str, Any]) -> None:
    """`yaml_text.teleport_yaml` raises if it is not; the comparison here is independent of it."""
    assert yaml_reading.parse(yaml_text.teleport_yaml(document, HEAD, ("a.yaml",))) == document
