"""What the commands of a pipeline do, of which each reads what the one before it prints."""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.user_data import syntax_tree

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader


def run(reader: Reader, commands: Sequence[syntax_tree.Command]) -> bool | None:
    """Follow two commands or more; return whether they succeed, None where that is not known. Raises Unknowable.

    That is what the last one says, and after `set -o pipefail`, none of the others may fail either.
    """
    files = reader.files
    kept = files.output, files.input
    outcomes: list[bool | None] = []
    starts: list[int] = []
    for command in commands:
        is_last = command is commands[-1]
        stream = None if is_last else files.new_stream()
        files.output = kept[0] if is_last else stream
        starts.append(len(files.accesses))
        with reader.subshell() as inside:
            outcomes.append(reader.command(command))
        if len(outcomes) < len(starts):
            outcomes.append(None)
        outcomes[-1] = inside.after(outcomes[-1])
        files.input = stream
    files.output, files.input = kept
    files.check_together(starts, reader.place)
    return False if "|" in reader.options and False in outcomes else outcomes[-1]
