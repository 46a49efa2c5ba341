"""How many calls each command was killed at, and how many of its calls failed: `./dev kill-sweep` prints it.

The sweeps note each try in the directory that TELEPORT_BOOTSTRAP_KILL_FIGURES names. As a program, this module shows
what is noted in it, and with --write writes docs/kill-points.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from teleport_bootstrap.cli import main as command_line

DIRECTORY = "TELEPORT_BOOTSTRAP_KILL_FIGURES"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "kill-points.md"

KILLED, FAILED = "killed", "failed"

# Processes that a command runs of this package or for its archive, and that are killed by themselves.
DATABASE_CHILD, COMPRESSOR = "backup: the copy of databases", "backup: the compressor"
OTHER_PROCESSES = (DATABASE_CHILD, COMPRESSOR)

# The tests that sweep a command, by its name; a full run fails where one of them has not.
SWEPT = {
    "generate": "test_generate_interrupted",
    "reconfigure": "test_reconfigure_interrupted",
    "rollback": "test_reconfigure_interrupted",
    "adopt": "test_adopt_interrupted",
    "backup": "test_backup_interrupted",
    "restore": "test_restore_interrupted",
    "restore --undo": "test_restore_interrupted",
    "restore --discard-undo": "test_jobs_interrupted",
    "fetch-secrets": "test_jobs_interrupted",
    "publish-tokens": "test_jobs_interrupted",
    "signal": "test_jobs_interrupted",
    "first-admin": "test_jobs_interrupted",
    "certificate obtain": "test_jobs_interrupted",
    "certificate renew": "test_jobs_interrupted",
    "certificate install": "test_jobs_interrupted",
    "collect-logs": "test_jobs_interrupted",
    "init": "test_jobs_interrupted",
}

# Every other command changes something, and has to be swept.
READ_ONLY = {
    "validate": "it reads a conf, and prints",
    "variables": "it prints what the package declares",
    "render": "it reads a conf and the metadata, and prints",
    "plan": "it reads the host, and prints",
    "iam-policy": "it reads a conf and the metadata, and prints",
    "history": "it reads the generations, and prints",
    "metadata": "it asks the metadata service, and prints",
    "status": "it reads the host, and prints; it notes once that the cluster has users, which may be lost",
    "install-check": "it reads the host, and prints",
    "doctor": "it reads the host, asks AWS, and prints",
    "seal": "it reads an image, and prints",
    "backup list": "it reads a place of archives, and prints",
    "backup verify": "it reads an archive, and prints",
}


def all_commands() -> list[str]:
    """Return every command of the parser: those below another one by two words, other ways of restore by their option.

    A flag that excludes the argument of a command makes it another command, and so does each word of a choice.
    """
    found = []
    for name, parser in _below(command_line.parser()):
        below = _below(parser)
        found += [name] if not below or name == "backup" else []
        found += [f"{name} {each}" for each, _ in below if not (name == "backup" and each == "create")]
        for action in parser._actions:
            if not action.option_strings and action.choices and not below and name not in READ_ONLY:
                found.remove(name)
                found += [f"{name} {each}" for each in action.choices]
        for group in parser._mutually_exclusive_groups:
            actions = group._group_actions
            if any(not action.option_strings for action in actions):
                found += [f"{name} {action.option_strings[0]}" for action in actions if action.nargs == 0]
    return found


def _below(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    return [
        pair
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for pair in action.choices.items()
    ]


def writing() -> list[str]:
    """Return every command that changes something."""
    return [name for name in all_commands() if name not in READ_ONLY]


def name_of(arguments: Sequence[str]) -> str:
    """Return which command these arguments are."""
    words = [each for each in arguments if not each.startswith("--log")]
    fitting = [name for name in all_commands() if words[0] == name.split()[0] and set(name.split()) <= set(words)]
    return max(fitting, key=len)


def note(command: Sequence[str] | str, what: str, point: str) -> None:
    """Note that `point`, a call of `command`, was tried; each process of a test run has a file of its own."""
    folder = os.environ.get(DIRECTORY)
    if folder:
        name = command if isinstance(command, str) else name_of(command)
        with open(os.path.join(folder, f"{os.getpid()}.jsonl"), "a", encoding="utf-8") as file:
            file.write(json.dumps([name, what, point]) + "\n")


def counts(folder: Path) -> dict[str, dict[str, int]]:
    """Return by command how often it was killed, and how often a call of it failed."""
    found: dict[str, dict[str, int]] = {name: {KILLED: 0, FAILED: 0} for name in (*writing(), *OTHER_PROCESSES)}
    for path in folder.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            name, what, _ = json.loads(line)
            found[name][what] += 1
    return found


def rows(found: dict[str, dict[str, int]]) -> Iterable[str]:
    """Yield the lines of a table."""
    yield "| command | killed at | failing calls |"
    yield "|---|---|---|"
    for name, numbers in found.items():
        failed = "" if name in OTHER_PROCESSES else f"{numbers[FAILED]:,}"
        yield f"| {name} | {numbers[KILLED]:,} | {failed} |"
    killed, failed_ones = (sum(each[what] for each in found.values()) for what in (KILLED, FAILED))
    yield f"| all | {killed:,} | {failed_ones:,} |"


_TEXT = """\
# Kill points

<!-- Made by `./dev kill-sweep --write`; change it in tests/simulated/kill_figures.py. -->

For those who want to know what a command leaves that is killed, and for those who change how files are written.

`./dev kill-sweep` runs each command that changes something once under `strace`, and then once for each of its system
calls that change a file: killed as it enters the call, and with the call failing as on a disk that is full, read-only
or broken. Each time the next command finds the state before or the state after, each file whole, and nothing is left
over. A power loss is another matter: [power-loss.md](power-loss.md).

## Figures

{table}

In a backup, the process that copies the databases and the one that compresses are killed by themselves, at each of
their calls: the archive is then complete, or says what it lacks, or is not there.

These commands change nothing, and are not swept:

{others}
"""


def page(found: dict[str, dict[str, int]]) -> str:
    """Return docs/kill-points.md."""
    others = "\n".join(f"- `{name}`: {why}." for name, why in READ_ONLY.items())
    return _TEXT.format(table="\n".join(rows(found)), others=others)


def main() -> int:
    """Show the table; the exit status is 1 where a command was not swept."""
    parser = argparse.ArgumentParser(prog="kill_figures", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    options = parser.parse_args()
    found = counts(options.directory)
    print(*rows(found), sep="\n")
    missing = [name for name, numbers in found.items() if not numbers[KILLED]]
    for name in missing:
        print(f"not swept: {name}", file=sys.stderr)
    if options.write and not missing:
        PAGE.write_text(page(found))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
