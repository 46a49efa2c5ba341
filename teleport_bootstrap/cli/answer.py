"""The one shape of what every command prints with --format json; docs/json.md describes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from teleport_bootstrap import errors, json_data
from teleport_bootstrap.finding import NOTE, Finding

# Raised when a field is removed, or changes its name, type or meaning. A new field does not raise it.
VERSION = 1


def document(
    command: str | None,
    status: int,
    fields: Mapping[str, Any],
    *,
    findings: Iterable[Finding | Mapping[str, Any] | str] = (),
    error: errors.BootstrapError | None = None,
) -> dict[str, Any]:
    """Return the answer of `command`, None where the command line was not understood.

    `fields` are those of the command alone. A finding that is a text is a note.
    """
    found = [Finding(NOTE, "", "", each) if isinstance(each, str) else each for each in findings]
    return {
        "version": VERSION,
        "command": command,
        "exit_status": status,
        "error": None if error is None else error.data(),
        "findings": json_data.data([*found, *(error.findings if error is not None else ())]),
        **json_data.data(fields),
    }
