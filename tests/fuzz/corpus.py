"""The inputs that are kept in the repository: one small file each, named by its digest.

A file whose name begins with `fault-` once showed a fault. It is kept even where another input reaches the same code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

CORPORA = Path(__file__).with_name("corpora")
FAULT = "fault-"
SUFFIX = ".input"

# Of one target; the smallest that reach everything are chosen, so that all corpora together stay below 500 KiB.
MOST_INPUTS = 60
MOST_BYTES = 20 * 1024


def directory(target: str) -> Path:
    """Return where the inputs of a target are kept."""
    return CORPORA / target


def files(target: str) -> list[Path]:
    """Return the kept inputs of a target, in a fixed order."""
    return sorted(path for path in directory(target).glob(f"*{SUFFIX}"))


def faults(target: str) -> list[Path]:
    """Return those that once showed a fault."""
    return [path for path in files(target) if path.name.startswith(FAULT)]


def name_of(content: bytes, *, is_fault: bool = False) -> str:
    """Return the name of a file with this content."""
    return (FAULT if is_fault else "") + hashlib.sha256(content).hexdigest()[:12] + SUFFIX


def replace(target: str, contents: Iterable[bytes]) -> None:
    """Keep `contents`, the most useful ones first, as far as there is room, and those that once showed a fault."""
    place = directory(target)
    place.mkdir(parents=True, exist_ok=True)
    kept = {path.name: path.read_bytes() for path in faults(target)}
    known = set(kept.values())
    size = 0
    for content in contents:
        if content in known or size + len(content) > MOST_BYTES or len(kept) >= MOST_INPUTS:
            continue
        size += len(content)
        kept[name_of(content)] = content
    for path in files(target):
        if path.name not in kept:
            path.unlink()
    for name, content in kept.items():
        (place / name).write_bytes(content)
