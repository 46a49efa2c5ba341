"""`--help` of every command and of every command below one: one screen, with an example that parses."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from teleport_bootstrap.cli import layout, main


def _all(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for _, below in layout.commands(parser):
        yield from _all(below)


EVERY = list(_all(main.parser()))
ids = [each.prog.partition(" ")[2] or "(itself)" for each in EVERY]


@pytest.fixture(autouse=True)
def _a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


def test_every_command_is_covered() -> None:
    assert set(main.COMMANDS) <= set(ids)


@pytest.mark.parametrize("parser", EVERY, ids=ids)
def test_the_help_fits_one_screen(parser: argparse.ArgumentParser) -> None:
    lines = parser.format_help().rstrip("\n").split("\n")
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert len(lines) <= 24, "\n".join(lines)


def test_the_help_of_the_program_lists_every_command_once() -> None:
    help_text = main.parser().format_help()
    for name in main.COMMANDS:
        assert len(re.findall(rf"(?<![\w-]){name}(?![\w-])", help_text.partition("Options:")[0])) >= 1, name
    (shared,) = (line for line in help_text.split("\n") if line.startswith("Run by units: "))
    assert shared.partition(": ")[2].split(", ") == [*main.RUN_BY_UNITS]
    assert set(main.RUN_BY_UNITS) <= set(main.COMMANDS)
    assert not any(line.startswith(f"  {name} ") for name in main.RUN_BY_UNITS for line in help_text.split("\n"))


@pytest.mark.parametrize("parser", EVERY, ids=ids)
def test_the_example_is_for_this_command_and_parses(parser: argparse.ArgumentParser) -> None:
    example = parser.format_help().rpartition("Example: ")[2].partition(";")[0].strip()
    assert example.startswith(f"{parser.prog} ") or example == parser.prog, example
    main.parser().parse_args(shlex.split(example)[1:])


@pytest.mark.parametrize("parser", EVERY[1:], ids=ids[1:])
def test_every_option_and_argument_is_explained(parser: argparse.ArgumentParser) -> None:
    shared = {"--root", "--format", "--log-level"}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name in action.choices:
                assert layout.purpose(parser, name), name
        elif not shared & set(action.option_strings):
            assert action.help and action.help != argparse.SUPPRESS, action


@pytest.mark.parametrize("parser", EVERY[1:], ids=ids[1:])
def test_shared_options_are_accepted_after_every_command(parser: argparse.ArgumentParser) -> None:
    options = {option for action in parser._actions for option in action.option_strings}
    assert {"--root", "--format", "--log-level"} <= options
