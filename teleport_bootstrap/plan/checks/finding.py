"""One thing that a check found wrong with the document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from teleport_bootstrap.plan import provenance


@dataclass(frozen=True)
class Finding:
    """What is wrong at `path`, what to write instead, and where the value came from.

    An error is what Teleport refuses or cannot work with; a `warning` is what an operator should know.
    """

    path: provenance.Path
    message: str
    hint: str
    origins: tuple[str, ...]
    warning: bool = False

    def describe(self) -> str:
        """Return all of it on one line, as a person can follow it."""
        place = ", ".join(self.origins)
        return f"{provenance.dotted(self.path)}: {self.message} ({self.hint}; from {place})"

    def data(self) -> dict[str, Any]:
        """Return it as a program reads it."""
        return {
            "path": provenance.dotted(self.path),
            "message": self.message,
            "hint": self.hint,
            "origins": list(self.origins),
        }
