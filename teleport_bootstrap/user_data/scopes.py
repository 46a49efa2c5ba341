"""What commands depend on, and what they cannot change: a condition, a subshell, the end of a script."""

from __future__ import annotations

from teleport_bootstrap.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from teleport_bootstrap.user_data.shell import Reader


class Ended(Exception):
    """The script, or a function of it, ends here."""

    def __init__(self, *, is_function: bool) -> None:
        super().__init__()
        self.is_function = is_function


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


class Subshell:
    """Variables, functions and the directory are as before when it ends, and `exit` ends no more than it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __enter__(self) -> None:
        reader = self._reader
        self._kept = (reader.variables.copy(), dict(reader.functions), set(reader.options), reader.files.directory)

    def __exit__(self, kind: object, error: object, _: object) -> bool:
        reader = self._reader
        reader.variables, reader.functions, reader.options, reader.files.directory = self._kept
        return isinstance(error, Ended)
