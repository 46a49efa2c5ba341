"""One thing that is wrong with a conf, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

GRAMMAR = "grammar"
VALUE = "value"


@dataclass(frozen=True)
class Problem:
    """A problem or a warning: `kind` is GRAMMAR or VALUE; line and column count from 1, None where nothing is written.

    `message` says what is wrong and never holds a secret; `hint` says what to write instead.
    """

    kind: str
    message: str
    hint: str = ""
    line: Optional[int] = None
    column: Optional[int] = None

    def data(self) -> dict[str, object]:
        """Return the problem as a program reads it, for JSON."""
        return {
            "kind": self.kind,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "hint": self.hint,
        }

    def describe(self, path: str) -> str:
        """Return `path:line:column: message` and the hint on the same line, as an editor or a person can follow it."""
        place = ":".join(str(part) for part in (path, self.line, self.column) if part is not None)
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")
