"""The command blocks of a manual in docs/, and how a test runs them on a machine.

A block that a test runs begins with ```` ```sh run ````, or ```` ```sh run:NAME ```` where the manual speaks of
several machines or moments and the test has to tell them apart. ```` ```sh elsewhere ```` is for what is typed where
no test can run it, such as `aws` on a laptop with an account. No sh block goes without one of these words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.boot.machine import Machine

DOCS = Path(__file__).resolve().parents[2] / "docs"

_BLOCK = re.compile(
    r"^(?P<indent> *)```sh(?P<words>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One block: `name` is the text after `run:`, `is_run` is false for commands of another machine."""

    place: str
    name: str
    text: str
    is_run: bool = True


def blocks(manual: str) -> list[Block]:
    """Return the sh blocks of docs/`manual` in their order; a block without a label fails the test."""
    text = (DOCS / manual).read_text(encoding="utf-8")
    found = []
    for each in _BLOCK.finditer(text):
        place = f"docs/{manual}:{text.count(chr(10), 0, each.start()) + 1}"
        word, _, name = each["words"].strip().partition(":")
        assert word in ("run", "elsewhere"), (
            f"{place}: say `sh run` or `sh elsewhere`, not `sh {each['words'].strip()}`"
        )
        body = re.sub(f"^{each['indent']}", "", each["text"], flags=re.MULTILINE)
        found.append(Block(place, name, body, word == "run"))
    return found


def run(machine: Machine, block: Block, seconds: float = 120) -> str:
    """Run a block on a booted machine, as root and up to the first failure; return its output."""
    machine.write("/root/block", f"set -eu\n{block.text}")
    done = machine.try_run(
        "systemd-run", "-q", "--pipe", "--wait", "--collect", "-p", "WorkingDirectory=/root",
        "-p", "Environment=HOME=/root", "/bin/bash", "/root/block", seconds=seconds,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{block.place} ended with {done.returncode}\n{block.text}\n{said}"
    return said
