"""Ten times the lines take ten times the steps: counted, not timed, as lines of this program that are run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from teleport_bootstrap import secret
from teleport_bootstrap.conf import conf_file, few, kinds, slips, variables

START = "TELEPORT_ROLE=auth,node,proxy\nTELEPORT_DOMAIN_NAME=a.example.com\n"
# By the number of lines. Those in `ONE_LINE` are one line that grows, which takes regular expressions and `in` longer.
LINES: dict[str, Callable[[int], str]] = {
    "plain": lambda n: "".join(f"OWN_{i}=value{i}\n" for i in range(n)),
    "quoted": lambda n: "".join(f'OWN_{i}="value {i}" # comment\n' for i in range(n)),
    "exported": lambda n: "".join(f"export OWN_{i % 9}='value {i}'\n" for i in range(n)),
    "comments": lambda n: "".join(f"# it's {i}\n\n" for i in range(n)),
    "concatenated": lambda n: "".join(f"OWN_{i % 9}=\"a\"'b'c\\ {i}\n" for i in range(n)),
    "references": lambda n: "".join(f'OWN_{i % 9}="a $TELEPORT_ROLE"${{TELEPORT_ROLE}}\n' for i in range(n)),
    "chain of references": lambda n: "A0=1\n" + "".join(f"A{i + 1}=$A{i}\n" for i in range(n)),
    "continued": lambda n: "".join(f"OWN_{i % 9}=a\\\nb\n" for i in range(n)),
    "one command": lambda n: "".join(f"A{i % 9}=1 \\\n" for i in range(n)) + "B=2\n",
    "several lines in a quote": lambda n: "".join(f"OWN_{i % 9}='a\nb'\n" for i in range(n)),
    "one variable again and again": lambda n: "TELEPORT_AUTH_TYPE=local\n" * n,
    "unknown names like ours": lambda n: "".join(f"TELEPORT_OWN_{i}=1\n" for i in range(n)),
    "unknown names of letters": lambda n: "".join(
        "".join("ABCDEFGHIJ"[int(digit)] for digit in f"{i * 7919:012}") + "=1\n" for i in range(n)
    ),
    "slips of a name": lambda n: "".join(f"TELEPORT_DOMAIN_NAM{i}=1\n" for i in range(n)),
    "names of roles": lambda n: "".join(f"MY_ROLE_{i}=node\n" for i in range(n)),
    "secrets": lambda n: "".join(f"MY_TOKEN_{i}=sesame-{i}\n" for i in range(n)),
    "passwords": lambda n: "".join(f"P_{i}=p://u:sesame-{i}@h\n" for i in range(n)),
    "databases": lambda n: (
        "TELEPORT_ROLE=agent\n" + "".join(f"TELEPORT_AGENT_DB_{i % 120}_NAME=b{i}\n" for i in range(n))
    ),
    "commands": lambda n: "".join(f"run {i}\n" for i in range(n)),
    "blocks": lambda n: "if x\n" * n,
    "here-documents": lambda n: "cat <<E\n" * n,
    "substitutions": lambda n: "A=$(x)\n" * n,
    "unset references": lambda n: "A=$B\n" * n,
    "exports of names": lambda n: "export A\n" * n,
    "unclosed quotes": lambda n: "A='x\nB=\"y\n" * n,
    "Windows": lambda n: "".join(f"OWN_{i}='value {i}'\r\n" for i in range(n)),
    "bad bytes": lambda n: "A=\udcff\n" * n,
    "null bytes": lambda n: "A=\0\n" * n,
}
ONE_LINE: dict[str, Callable[[int], str]] = {
    "words": lambda n: "A=1 " * n,
    "exported words": lambda n: "export " + "A=1 " * n,
    "pieces": lambda n: "A=" + "'a'\"b\"" * n,
    "unset references": lambda n: "A=" + "$B" * n,
    "separators": lambda n: "A=1;" * n,
    "substitutions": lambda n: "A=" + "$(a)" * n,
    "parentheses": lambda n: "A=" + "$(" * n,
    "labels": lambda n: "TELEPORT_SSH_LABELS='" + "|".join(f"k{i}: v" for i in range(n)) + "'",
    "tags": lambda n: "EC2_TAG_LABELS='" + ",".join(f"k{i}" for i in range(n)) + "'",
}


def steps(text: str) -> int:
    """Return how many lines of this program are run to inspect a conf."""
    count = 0
    data = text.encode("utf-8", "surrogateescape")

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    secret.forget()
    slips._likeness.cache_clear()
    variables.find.cache_clear()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        conf_file.inspect(data, "conf")
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("shape", list(LINES))
def test_issue_16_grammar_takes_steps_in_proportion_to_the_lines_of(shape: str) -> None:
    conf_file.inspect(START.encode(), "conf")
    # More than are reported, so that findings are made of none of those that are more.
    few_lines, many = (steps(START + LINES[shape](number)) for number in (300, 3000))
    assert many < 12 * few_lines


@pytest.mark.parametrize("shape", list(ONE_LINE))
def test_issue_16_grammar_takes_steps_in_proportion_to_the_length_of_a_line_of(shape: str) -> None:
    few_parts, many = (steps(START + ONE_LINE[shape](number) + "\n") for number in (300, 3000))
    assert many < 12 * few_parts


def test_issue_16_grammar_counts_the_problems_that_it_does_not_show() -> None:
    found = conf_file.inspect(b"TELEPORT_ROLE=node\n" + b"run it\n" * 20000, "conf").errors
    assert len(found) == few.MOST + 1
    assert "19800 more problems" in found[-1].message
    assert found[-1].place is not None and found[-1].place.line == 201


def test_issue_16_grammar_counts_the_warnings_that_it_does_not_show() -> None:
    inspection = conf_file.inspect(START.encode() + b"TELEPORT_AUTH_TYPE=local\n" * 1001, "conf")
    assert inspection.conf is not None
    assert len(inspection.warnings) == few.MOST + 1
    assert "800 more warnings" in inspection.warnings[-1].message


def test_issue_16_grammar_shows_the_first_problems_of_each_kind() -> None:
    text = "TELEPORT_EXTERNAL_PORT=x\n" + "run it\n" * 150 + "".join(f"TELEPORT_DOMAIN_NAM{i}=1\n" for i in range(90))
    found = conf_file.inspect(text.encode(), "conf").errors
    lines = [each.place.line for each in found if each.place is not None]
    assert lines == [*range(1, 201), 200]
    assert "41 more problems" in found[-1].message


def test_issue_16_grammar_finds_the_nearest_name_as_a_comparison_with_all_names_does() -> None:
    import difflib  # noqa: PLC0415 - what it is compared with

    names = list(variables.BY_NAME)
    for known in names:
        for slip in (known[1:], known[:-2], known[::2], known[:9] + known[12:], known.replace("E", "3"), known + "S_X"):
            if "_AGENT_" not in slip:
                close = difflib.get_close_matches(slip, names, n=1, cutoff=0.8)
                assert slips.nearest(slip) == (close[0] if close else None)


def test_issue_16_grammar_keeps_the_order_of_labels() -> None:
    assert kinds.labels("b: 1|a: 2") == (("b", "1"), ("a", "2"))
