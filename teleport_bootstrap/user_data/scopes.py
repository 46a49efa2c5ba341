"""What commands depend on, and what they cannot change: a condition, a subshell, the end of a script."""

from __future__ import annotations

from teleport_bootstrap.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader


class Ended(Exception):
    """The script, or a function of it, ends here."""

    def __init__(self, *, is_function: bool, outcome: bool | None = None) -> None:
        """`outcome` says whether it succeeds, None where that is not known."""
        super().__init__()
        self.is_function = is_function
        self.outcome = outcome


class LoopEnded(Exception):
    """The round of a loop ends here, or of the one `levels` further out; where it `goes_on`, with the next one."""

    def __init__(self, *, goes_on: bool, levels: int) -> None:
        super().__init__()
        self.goes_on = goes_on
        self.levels = levels

    def pass_on(self) -> None:
        """Raise it again where it is about a loop further out."""
        if self.levels > 1:
            raise LoopEnded(goes_on=self.goes_on, levels=self.levels - 1)


class Condition:
    """What is followed inside depends on a condition."""

    def __init__(self, reader: Reader, what: str, *, is_never: bool, is_really: bool) -> None:
        self._reader, self._what, self._is_never, self._is_really = reader, what, is_never, is_really

    def __enter__(self) -> None:
        if self._is_really:
            self._reader.conditions.append(self._what)
            self._reader.files.conditions.append((self._what, self._is_never))

    def __exit__(self, *_: object) -> None:
        if self._is_really:
            self._reader.conditions.pop()
            self._reader.files.conditions.pop()


class Unchecked:
    """A failure of what is followed inside does not end the script, also after `set -e`, where that `is_so`."""

    def __init__(self, reader: Reader, *, is_so: bool = True) -> None:
        self._reader, self._is_so = reader, is_so

    def __enter__(self) -> None:
        self._has_ended = self._is_so and "e" in self._reader.options
        if self._is_so:
            self._reader.options.discard("e")

    def __exit__(self, *_: object) -> None:
        if self._has_ended:
            self._reader.options.add("e")


class Subshell:
    """Variables, functions and the directory are as before when it ends, and `exit` ends no more than it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._ended: Ended | None = None

    def __enter__(self) -> Subshell:
        reader = self._reader
        self._traps, reader.exit_trap = reader.exit_trap, None
        self._loops, reader.loops = reader.loops, 0
        self._kept = (reader.variables.copy(), dict(reader.functions), set(reader.options), reader.files.directory)
        self._streams = reader.files.output, reader.files.input, len(reader.files.opened)
        return self

    def after(self, outcome: bool | None) -> bool | None:
        """Return whether it has succeeded, `outcome` where it came to its end."""
        return outcome if self._ended is None else self._ended.outcome

    def __exit__(self, kind: object, error: object, _: object) -> bool:
        reader = self._reader
        reader.variables, reader.functions, reader.options, reader.files.directory = self._kept
        reader.files.output, reader.files.input, count = self._streams
        del reader.files.opened[count:]
        reader.exit_trap, reader.loops = self._traps, self._loops
        self._ended = error if isinstance(error, Ended) else None
        return self._ended is not None
