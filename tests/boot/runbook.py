"""How a test types a block of a page, of tests/documents.py, on a booted machine."""

from __future__ import annotations

import shlex

from tests import documents
from tests.boot.machine import Machine
from tests.documents import Block

DIRECTORY = "/root"


def run(
    machine: Machine, block: Block, *, seconds: float = 120, status: int = 0, text: str = "", answer: str = ""
) -> str:
    """Run a block, or `text` in its place, as root and up to the first failure; return its output.

    With an `answer` it runs on a terminal, where that is typed.
    """
    return typed(machine, text or block.text, block.place, seconds=seconds, status=status, answer=answer)


def typed(
    machine: Machine,
    text: str,
    place: str,
    *,
    seconds: float = 120,
    status: int = 0,
    answer: str = "",
    user: str = "root",
) -> str:
    """The same for text of any place."""
    machine.write(f"{DIRECTORY}/block", f"set -eu\n{text}")
    command = ["/bin/bash", f"{DIRECTORY}/block"]
    if answer:
        machine.write(f"{DIRECTORY}/answer", answer)
        on_a_terminal = f"script -qec {shlex.quote(' '.join(command))} /dev/null <{DIRECTORY}/answer"
        command = ["/bin/bash", "-c", on_a_terminal]
    done = machine.try_run(
        "systemd-run", "-q", "--pipe", "--wait", "--collect", "-p", f"WorkingDirectory={DIRECTORY}",
        "-p", f"Environment=HOME={DIRECTORY}", "-p", f"User={user}", *command, seconds=seconds,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == status, f"{place} ended with {done.returncode}\n{text}\n{said}"
    return said


def compare(machine: Machine, block: Block) -> None:
    """Type the commands of a `console` block, and compare what each prints with what the page shows."""
    for command, shown in documents.session(block):
        documents.assert_shown(shown, typed(machine, command, block.place), f"{block.place}, `{command}`,")
