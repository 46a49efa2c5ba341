"""Regular expressions that are compiled at their first use.

Compiling one takes Python up to a millisecond. The modules of this package have more than a hundred and fifty at their
tops, of which a command uses a few. The `re` of a match is the compiled one: compare patterns, not objects.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AnyStr

_METHODS = (
    *("findall", "finditer", "flags", "fullmatch", "groupindex", "groups", "match", "pattern", "scanner", "search"),
    *("split", "sub", "subn"),
)


class _Later:
    """Stands for a compiled expression; once it is compiled, its methods are here without a detour."""

    __slots__ = ("__weakref__", "_given", *_METHODS)

    def __init__(self, *given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise AttributeError(name)
        compiled = re.compile(*self._given)
        for each in _METHODS:
            setattr(self, each, getattr(compiled, each))
        return getattr(compiled, name)

    def __repr__(self) -> str:
        return f"regex.compile({', '.join(map(repr, self._given))})"


def compile(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what `re.compile` does, to be compiled at its first use; an invalid one raises re.error only then."""
    later: Any = _Later(pattern, flags)
    found: re.Pattern[AnyStr] = later
    return found
