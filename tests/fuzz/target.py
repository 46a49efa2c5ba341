"""A target: one way into the program, and what must hold for any bytes that come in there.

Each module in `targets/` is one. Its docstring is its line in docs/fuzzing.md, `check` raises for a fault, `LONGEST`
bounds an input in bytes, and `GUIDED_BY` names packages beside our own whose branches guide the fuzzer too. The words
that inputs are made of are in `words/`, in the form that libFuzzer reads.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TARGETS = Path(__file__).with_name("targets")
WORDS = Path(__file__).with_name("words")
_ESCAPE = re.compile(rb"\\(?:x([0-9A-F]{2})|(.))")


@dataclass(frozen=True)
class Target:
    """One module of `targets/`, loaded."""

    name: str
    thought: str
    check: Callable[[bytes], None]
    longest: int


def names() -> list[str]:
    """Return the names of all targets, as the command line takes them."""
    return sorted(path.stem.replace("_", "-") for path in TARGETS.glob("[a-z]*.py"))


def load(name: str) -> Target:
    """Import the target `name`. Not before the fuzzer watches imports: it counts branches of what it has seen load."""
    module = importlib.import_module(f"tests.fuzz.targets.{name.replace('-', '_')}")
    thought = (module.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")
    return Target(name, thought, module.check, getattr(module, "LONGEST", 4096))


def dictionary(name: str) -> Path:
    """Return the file with the words of a target."""
    return WORDS / f"{name}.dict"


def words(name: str) -> list[bytes]:
    """Return the words in that file."""
    lines = dictionary(name).read_text(encoding="ascii").splitlines()
    return [_ESCAPE.sub(_plain, line[1:-1].encode()) for line in lines if line.startswith('"')]


def _plain(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)]) if found[1] else found[2]
