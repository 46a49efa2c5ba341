"""What `if`, `case`, loops and groups do: as their condition says where it is known, otherwise as if they run."""

from __future__ import annotations

import collections

from teleport_bootstrap import regex
from teleport_bootstrap.hints import TYPE_CHECKING
from teleport_bootstrap.user_data import conditions, expansion, scopes, syntax_tree
from teleport_bootstrap.user_data.syntax_tree import Compound

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader

_NAME = regex.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_ROUNDS = 500


def run(reader: Reader, command: Compound) -> bool | None:
    """Follow one; return whether it succeeds, None where that is not known. Raises Unknowable."""
    outcome: bool | None = None
    if command.kind == syntax_tree.BRACES:
        outcome = reader.run_list(command.branches[0])
    elif command.kind == syntax_tree.SUBSHELL:
        with reader.subshell() as inside:
            outcome = reader.run_list(command.branches[0])
        outcome = inside.after(outcome)
    elif command.kind == syntax_tree.IF:
        outcome = _if(reader, command)
    elif command.kind == syntax_tree.TEST and command.word == "[[":
        outcome = conditions.Test(reader, command.names).outcome()
    elif command.kind == syntax_tree.TEST:
        for name in expansion.names(_NAME.findall(command.word)):
            reader.variables.set(name, None)
    elif command.kind == syntax_tree.CASE:
        outcome = _case(reader, command)
    else:
        reader.loops += 1
        outcome = _loop(reader, command)
        reader.loops -= 1
    return outcome


def _if(reader: Reader, command: Compound) -> bool | None:
    branches = collections.deque(command.branches)
    is_first, has_run = True, False
    while len(branches) > 1 and not has_run:
        condition, body = branches.popleft(), branches.popleft()
        with reader.when(None if is_first else "`elif`", is_never=not is_first, is_really=not is_first):
            outcome = reader.condition(condition)
        if outcome is not False:
            is_sure = outcome is True and is_first
            word = "`if`" if is_first else "`elif`"
            with reader.when(word, is_never=not is_first, is_really=not is_sure):
                reader.run_list(body)
            has_run = is_sure
            is_first = is_first and is_sure
    if branches and not has_run:
        with reader.when("`else`", is_never=True, is_really=not is_first):
            return reader.run_list(branches[0])
    return True if has_run or is_first else None


def _case(reader: Reader, command: Compound) -> bool | None:
    chosen = conditions.case(reader, command.names[0], command.patterns)
    if chosen is not None:
        return reader.run_list(command.branches[chosen]) if chosen >= 0 else True
    with reader.when("`case`", is_never=True):
        for branch in command.branches:
            reader.run_list(branch)
    return None


def _loop(reader: Reader, command: Compound) -> bool | None:
    values = _values(reader, command)
    if command.word == "for" and values is not None:
        return _for(reader, command, values)
    rounds = 0
    try:
        while command.word in ("while", "until"):
            outcome = reader.condition(command.branches[0])
            if outcome is None or rounds == _MOST_ROUNDS:
                break
            if outcome is (command.word == "until"):
                return True
            rounds += 1
            _round(reader, command)
    except scopes.LoopEnded as ended:
        ended.pass_on()
        return True
    for name in expansion.names([each.typed for each in command.names]):
        reader.variables.set(name, None)
    try:
        with reader.when(f"`{command.word}`", is_never=True):
            # Twice, as what the first round has left is what the next one finds.
            for _ in range(2):
                for branch in command.branches:
                    reader.run_list(branch)
    except scopes.LoopEnded as ended:
        ended.pass_on()
    return None


def _for(reader: Reader, command: Compound, values: tuple[str, ...]) -> bool | None:
    try:
        for value in values:
            reader.assign(command.names[0].typed, value)
            _round(reader, command)
    except scopes.LoopEnded as ended:
        ended.pass_on()
    return True


def _round(reader: Reader, command: Compound) -> None:
    try:
        reader.run_list(command.branches[1])
    except scopes.LoopEnded as ended:
        if not ended.goes_on or ended.levels > 1:
            raise


def _values(reader: Reader, command: Compound) -> tuple[str, ...] | None:
    """Return what a `for` goes through, None where that is not known."""
    names = command.names
    if command.word != "for" or not names or not names[0].bare.isidentifier():
        return None
    if len(names) == 1:
        return reader.variables.arguments
    found: list[str] = []
    for word in names[2:] if names[1].bare == "in" else ():
        many = reader.variables.several(word)
        if many is None or len(found) > _MOST_ROUNDS:
            return None
        found += many
    return tuple(found)
