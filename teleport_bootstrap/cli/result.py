"""What a command prints, as text or as JSON, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap import errors, json_data, secret


@dataclass(frozen=True)
class Result:
    """`text` is for people, `data` for programs, as `json_data.data` converts it; `status` is the exit status.

    `trouble` is reported like an error besides: something was done, but not all of it.
    Passwords in URLs are masked, unless the operator asked for a result `with_secrets`.
    """

    text: str
    data: Any
    status: int = errors.OK
    with_secrets: bool = False
    trouble: errors.BootstrapError | None = None

    def output(self, form: str) -> str:
        """Return what goes to standard output in the form `text` or `json`."""
        if form == "json":
            found = json.dumps(json_data.data(self.data), indent=2, ensure_ascii=False) + "\n"
        else:
            found = self.text if self.text.endswith("\n") or not self.text else self.text + "\n"
        return found if self.with_secrets else secret.without_passwords(found)


def text(lines: Iterable[str], notes: Iterable[str] = (), *, otherwise: str = "") -> str:
    """Return `lines` and then `notes`, marked as such; `otherwise` where there are none."""
    return "\n".join([*lines, *(f"note: {note}" for note in notes)] or [otherwise])


NOT_CHECKED = "health was not checked: systemd does not run here"


def health(report: str) -> str:
    """Return the line with what Teleport reported of its health, or that it was not asked."""
    return f"Teleport: {report or NOT_CHECKED}"
