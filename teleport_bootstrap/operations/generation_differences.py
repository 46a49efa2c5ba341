"""How two generations that were applied here differ, file by file, without their secrets."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors, paths
from teleport_bootstrap.operations.host_change import Difference
from teleport_bootstrap.plan import comparison
from teleport_bootstrap.state import generations


def between(root: paths.Root, old: int | None, new: int) -> tuple[int | None, tuple[Difference, ...]]:
    """Return the number of the earlier generation, and how generation `new` differs from it.

    Without `old`, it is the one that is kept before `new`, and nothing where there is none. Raises UsageError for a
    generation that is not kept, GenerationMissing for one that cannot be read.
    """
    kept = generations.numbers(root)
    for number in (new, *([] if old is None else [old])):
        if number not in kept:
            numbers = ", ".join(map(str, kept)) or "none"
            raise errors.UsageError(
                f"generation {number} does not exist; these do: {numbers}",
                hint="`teleport-bootstrap history` lists them.",
            )
    if old is None:
        old = max((each for each in kept if each < new), default=None)
    before = {} if old is None else _files(generations.load(root, old))
    return old, tuple(_differences(before, _files(generations.load(root, new))))


def _files(generation: generations.Generation) -> dict[str, str]:
    return {each.path: each.content for each in (generation.teleport_yaml, *generation.files)}


def _differences(before: dict[str, str], after: dict[str, str]) -> Iterator[Difference]:
    for path in dict.fromkeys((*before, *after)):
        old, new = before.get(path), after.get(path)
        if old != new:
            yield Difference(path, comparison.unified(path, old, new))
