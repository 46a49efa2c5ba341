"""The manual pages name everything that the code declares."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from teleport_bootstrap import errors, paths
from teleport_bootstrap.cli import layout, main
from teleport_bootstrap.conf import variables
from teleport_bootstrap.manual import conf_page, program_page, roff

CHECKOUT = Path(__file__).resolve().parents[3]
PROGRAM = program_page.page()
CONF = conf_page.page()


def plain(page: str) -> str:
    """What a page says, without fonts and escapes."""
    text = re.sub(r"\\f[BIR]", "", page)
    for escape, character in (("\\-", "-"), ("\\(aq", "'"), ("\\(ti", "~"), ("\\&", "")):
        text = text.replace(escape, character)
    return text


def test_names_every_command_and_option() -> None:
    program = main.parser()
    found = list(program_page.commands(program))
    assert {each.prog.split()[1] for each in found} == set(main.COMMANDS)
    for command in found:
        body = plain(PROGRAM).partition(f'.SS "{command.prog.partition(" ")[2]}"\n')[2].partition("\n.SS")[0]
        assert body, command.prog
        for action in command._actions:
            if action.help != argparse.SUPPRESS and "--help" not in action.option_strings:
                assert all(re.search(rf"^(.*, )?{name}\b", body, re.MULTILINE) for name in action.option_strings)
        example = (command.epilog or "").partition("Example: ")[2]
        assert example and (example in body or list(layout.commands(command)))


def test_names_every_error_and_status() -> None:
    text = plain(PROGRAM)
    for kind in errors.catalogue():
        assert f"{kind.code} ({kind.exit_status})\n" in text
    statuses = text.partition('.SH "EXIT STATUS"')[2].partition(".SH")[0]
    assert re.findall(r"^(\d+)$", statuses, re.MULTILINE) == [str(status) for status in errors.MEANINGS]


def test_names_every_path_of_the_code() -> None:
    files = plain(PROGRAM).partition('.SH "FILES"')[2].partition(".SH")[0]
    named = {value for name, value in vars(paths).items() if name.isupper() and isinstance(value, str)}
    assert len(named) > 5
    # The files of our own state are not documented one by one.
    told = [path for path in sorted(named) if not path.startswith(f"{paths.STATE}/")]
    assert [path for path in told if path not in files] == []


def test_names_every_environment_variable_that_the_code_reads() -> None:
    section = plain(PROGRAM).partition('.SH "ENVIRONMENT"')[2].partition(".SH")[0]
    read = set()
    for path in (CHECKOUT / "teleport_bootstrap").rglob("*.py"):
        if "manual" not in path.parts:
            read |= set(re.findall(r'"((?:AWS|REQUESTS)_[A-Z0-9_]+)"', path.read_text(encoding="utf-8")))
    assert len(read) > 5
    assert sorted(read - set(re.findall(r"[A-Z0-9_]+", section))) == []


def test_names_every_unit() -> None:
    section = plain(PROGRAM).partition('.SH "UNITS"')[2].partition(".SH")[0]
    units = {path.name for path in (CHECKOUT / "systemd").iterdir() if path.suffix in (".service", ".timer")}
    assert sorted(unit for unit in units if unit not in section) == []


def test_the_conf_page_names_every_variable() -> None:
    terms = re.findall(r"^\.TP\n\\fB(.*)\\fR$", CONF, re.MULTILINE)
    assert terms == [variable.name for variable in variables.TABLE]


def test_the_date_is_that_of_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert '"1970-01-02"' in "".join(roff.heading("x", 8))
    assert program_page.page() == program_page.page()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain. And more.", "plain.\nAnd more."),
        (".de x", "\\&.de x"),
        ("'so /etc/passwd", "\\&'so /etc/passwd"),
        ("a \\ b", "a \\e b"),
        ("use `a-b 'c' ~x`", "use \\fBa\\-b \\(aqc\\(aq \\(tix\\fR"),
        ("see [this](that.md)", "see this"),
        ("a … b", "a \\[u2026] b"),
    ],
)
def test_text_is_neither_read_as_a_macro_nor_changed(text: str, shown: str) -> None:
    assert roff.prose(text) == shown
