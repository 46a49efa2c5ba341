"""The blocks of every page, and the test that runs, reads or compares each of them.

The first line of a block says so after its language, where readers of the rendered page do not see it:

    run         commands that a test types on a booted instance, in the order of the page
    simulated   commands that a test runs without one, against simulated services and stand-ins
    user-data   a script as EC2 runs it, whose conf a test validates
    conf        lines of a conf, which a test validates together with the user-data of the same name
    checked     no commands: a file or an answer, which a test reads as the program does that it is for
    shown       what a command prints, or commands with `$ ` before them and what they print: a test compares it
    elsewhere   what cannot be run here; the word after the colon is a reason of `REASONS`

A colon and a name follow where a test has to tell blocks apart. `TESTS` says which test takes the blocks of a page;
tests/lint/test_documents.py fails where a block has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
WORDS = ("run", "simulated", "user-data", "conf", "checked", "shown", "elsewhere")

# Why a block is not run, and what is done instead.
REASONS = {
    "network": "it downloads packages; their names and versions are what tests/requirements.txt pins",
    "hours": "it takes hours or runs all tests; tests/lint/test_documents.py checks its commands and options",
    "amazon-linux": "none can be booted here; tests/boot/test_packages.py installs the RPM on the nearest to it",
    "editor": "a person edits a file in between; tests/unit/test_cases.py runs the command of the block",
}

# The module of tests/ that takes the blocks with a word, and those of single pages, or single blocks, that differ.
_DAY = "boot/test_a_day.py"
_DATA = "simulated/test_documents.py"
_TESTS = {"run": _DAY, "shown": _DAY, "simulated": _DATA, "user-data": _DATA, "conf": _DATA, "checked": _DATA}
_OTHERS = {
    ("docs/upgrading.md", "run"): "boot/test_upgrade.py",
    ("docs/packaging.md", "run"): "boot/test_packages.py",
    ("docs/managed-updates.md", "run"): "boot/test_managed_updates.py",
    ("docs/ci.md", "simulated:user-data"): "simulated/test_launch.py",
    ("docs/ci.md", "simulated"): "simulated/test_laptops.py",
    ("docs/ci.md", "checked"): "simulated/test_laptops.py",
    ("docs/cloudformation.md", "simulated"): "simulated/test_templates.py",
    ("docs/cloudformation.md", "simulated:check"): "lint/test_templates.py",
    ("docs/existing-server.md", "run"): "boot/test_existing_server.py",
    ("docs/init.md", "simulated"): "simulated/test_init.py",
    ("docs/init.md", "checked"): "simulated/test_init.py",
    ("docs/ssm-documents.md", "simulated"): "simulated/test_ssm_documents.py",
    ("docs/doctor.md", "simulated"): "simulated/doctor/test_command.py",
    ("docs/monitoring.md", "run"): "boot/test_metrics.py",
    ("docs/monitoring.md", "checked"): "simulated/test_metrics.py",
    ("docs/json.md", "checked"): "unit/manual/test_json_page.py",
    ("README.md", "shown:demo"): "simulated/test_demo.py",
}

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block of a page: `name` is the text after the colon."""

    page: str
    line: int
    language: str
    word: str
    name: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Return the page names, relative to the checkout, of everything that is written for readers."""
    found = [
        "README.md", "CHANGELOG.md", "findings/README.md", "tests/cases/README.md",
        *(f"docs/{path.name}" for path in sorted((CHECKOUT / "docs").glob("*.md"))),
        *(str(path.relative_to(CHECKOUT)) for path in sorted((CHECKOUT / "packaging").rglob("*.md"))),
    ]  # fmt: skip
    return sorted(found)


def text(page: str) -> str:
    return (CHECKOUT / page).read_text(encoding="utf-8")


def without_blocks(page: str) -> str:
    """Return the prose of a page; lines keep their numbers."""
    return _FENCE.sub(lambda found: "\n" * found[0].count("\n"), text(page))


def every_block(page: str) -> Iterator[Block]:
    """Yield the blocks of a page in their order."""
    content = text(page)
    for found in _FENCE.finditer(content):
        language, _, label = found["info"].strip().partition(" ")
        word, _, name = label.strip().partition(":")
        body = re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
        yield Block(page, content.count("\n", 0, found.start()) + 1, language, word, name, body)


def blocks(page: str, word: str, name: str | None = None) -> list[Block]:
    """Return the blocks of a page that say `word`, and `name` if one is given; a page without any is an error."""
    found = [block for block in every_block(page) if block.word == word and name in (None, block.name)]
    assert found, f"{page} has no block with `{word}{'' if name is None else f':{name}'}`"
    return found


def block(page: str, word: str, name: str) -> Block:
    """Return the one block of this name."""
    (found,) = blocks(page, word, name)
    return found


def test_of(block: Block) -> str:
    """Return the module of tests/ that takes a block."""
    exact = (block.page, f"{block.word}:{block.name}")
    return _OTHERS.get(exact) or _OTHERS.get((block.page, block.word)) or _TESTS[block.word]


# ---- what is shown

# What differs from run to run, and from host to host.
_VARIES = (
    (r"\d{8}T\d{6}Z", "STAMP"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z| UTC|[+-]\d\d:\d\d)?", "TIME"),
    (r"\b[0-9a-f]{12,}\b", "HEX"),
    (r"\b\d+(?:\.\d+)? ?(?:B|bytes?|[kKMG]i?B)\b", "SIZE"),
    (r"\b(?:\d+(?:\.\d+)? ?(?:ms|s|seconds?|min|minutes?|h|hours?|d|days?)\b ?)+", "SPAN "),
    (r"\b(process|pid|PID)(:?\s+)\d+", r"\1\2N"),
    (r"─+", "─"),
    (r"[ \t]+", " "),
)


def normalized(text: str) -> list[str]:
    """Return the lines of an output without what differs between two runs; widths of columns do not count."""
    for pattern, instead in _VARIES:
        text = re.sub(pattern, instead, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def assert_shown(shown: str, printed: str, place: str) -> None:
    """Check that a page shows what is printed; a line of `…` stands for any lines."""
    there = normalized(printed)
    rest = 0
    parts = re.split(r"^\s*(?:…|\.\.\.)\s*$", shown, flags=re.MULTILINE)
    for number, part in enumerate(parts):
        lines = normalized(part)
        last = len(there) - len(lines)
        starts = [rest] if number == 0 else [last] if number == len(parts) - 1 and lines else range(rest, last + 1)
        at = next((start for start in starts if start >= rest and there[start : start + len(lines)] == lines), None)
        assert at is not None, f"{place} shows\n{shown}\nbut this is printed:\n{printed}"
        rest = at + len(lines)
    assert rest == len(there) or not lines, f"{place} leaves out the end of what is printed:\n{printed}"


def session(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a block with `$ ` before each, and what the page shows below it."""
    assert block.text.startswith("$ "), f"{block.place}: begin with a command: `$ …`"
    pieces = re.split(r"^\$ ((?:[^\n]*\\\n)*[^\n]*)\n", block.text, flags=re.MULTILINE)[1:]
    return list(zip(pieces[::2], pieces[1::2]))
