"""A mistyped command, option or value is an error that names the right one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.cli import layout, main


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stauts", "`teleport-bootstrap` has no command 'stauts'; did you mean status?"),
        ("RESTORE", "`teleport-bootstrap` has no command 'RESTORE'; did you mean restore?"),
        ("help", "`teleport-bootstrap` has no command 'help'; did you mean --help?"),
        ("apply", "`teleport-bootstrap` has no command 'apply'; did you mean reconfigure?"),
        ("Verify", "`teleport-bootstrap` has no command 'Verify'; did you mean backup verify?"),
        ("-v", "`teleport-bootstrap` has no option -v; did you mean --version?"),
        ("reconfigure -y", "`teleport-bootstrap reconfigure` has no option -y; did you mean --yes?"),
        ("status -y", "`teleport-bootstrap status` has no option -y"),
        ("status --json", "`teleport-bootstrap status` has no option --json; did you mean --format json?"),
        # Two hyphens are not much that they have in common with --wait and --fips.
        ("rollback --list", "`teleport-bootstrap rollback` has no option --list"),
        ("validate --file x", "`teleport-bootstrap validate` has no option --file"),
        ("rollback x", "argument N: a generation such as 3; `teleport-bootstrap history` lists them"),
        ("nonsense", "`teleport-bootstrap` has no command 'nonsense'"),
        ("--fromat json status", "`teleport-bootstrap` has no option --fromat; did you mean --format?"),
        ("--fromat=json status", "`teleport-bootstrap` has no option --fromat; did you mean --format?"),
        ("status --fromat json", "`teleport-bootstrap status` has no option --fromat; did you mean --format?"),
        ("restore --fromat json", "`teleport-bootstrap restore` has no option --fromat; did you mean --format?"),
        ("restore x --discard_edits", "`teleport-bootstrap restore` has no option --discard_edits; did you mean "
         "--discard-edits?"),
        ("reconfigure --dryrun", "`teleport-bootstrap reconfigure` has no option --dryrun; did you mean --dry-run?"),
        ("backup --kep 7", "`teleport-bootstrap backup create` has no option --kep; did you mean --keep?"),
        ("backup verify x --wiat 3", "`teleport-bootstrap backup verify` has no option --wiat; did you mean --wait?"),
        ("certificate instal", "ACTION is 'instal', and must be one of obtain, renew, install; did you mean install?"),
        ("status --format jsn", "--format is 'jsn', and must be one of text, json, prometheus; did you mean json?"),
        ("init d -- --answers f", "`teleport-bootstrap init` does not take --answers after --, which ends the options"),
        ("init d -- --anwsers f", "`teleport-bootstrap init` has no option --anwsers; did you mean --answers?"),
        ("init d -- e", "`teleport-bootstrap init` does not take 'e'"),
        ("seal extra", "`teleport-bootstrap seal` does not take 'extra'"),
    ],
)  # fmt: skip
def test_issue_15_terminal_6_a_mistyped_word_suggests_the_near_one(line: str, message: str) -> None:
    words = line.split()
    # With the words, only the command that they name has its options, as in a real run.
    with pytest.raises(errors.UsageError) as caught:
        main.parser(words).parse_args(words)
    assert caught.value.message == message


def _all(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for _, below in layout.commands(parser):
        yield from _all(below)


@pytest.mark.parametrize("columns", [1, 12, 30, 47, 80, 200])
def test_issue_15_terminal_6_help_breaks_no_word(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    whole = {each.prog: each.format_help().split() for each in _all(main.parser())}
    monkeypatch.setenv("COLUMNS", str(columns))
    for each in _all(main.parser()):
        text = each.format_help()
        assert text.split() == whole[each.prog]
        # What is longer than the terminal is one word, or an option and its value.
        for line in text.split("\n"):
            assert len(line) <= max(columns, 34) or " " not in line.strip(), line
            assert len(line) <= max(columns, *(len(each) + 2 for each in text.split())), line


def test_issue_15_terminal_6_the_help_of_backup_names_the_options_of_its_commands() -> None:
    parser = dict(layout.commands(main.parser()))["backup"]
    text = " ".join(parser.format_help().split())
    for _, below in layout.commands(parser):
        for action in below._actions:
            if action.help != argparse.SUPPRESS and action.option_strings != ["-h", "--help"]:
                assert (action.option_strings or [layout.value_name(action)])[-1] in text
    assert "`teleport-bootstrap backup COMMAND --help` explains them." in text
