"""The one shape of what every command prints with --format json; docs/json.md describes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from teleport_bootstrap import errors, json_data, remarks
from teleport_bootstrap.finding import NOTE, Finding, Line
from teleport_bootstrap.hints import Any

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
    listed = [*map(_as_data, (*remarks.listed(), *findings, *(error.findings if error is not None else ())))]
    return {
        "version": VERSION,
        "command": command,
        "exit_status": status,
        "error": None if error is None else error.data(),
        "findings": [each for number, each in enumerate(listed) if each not in listed[:number]],
        **json_data.data(fields),
    }


def _as_data(found: Finding | Mapping[str, Any] | str) -> dict[str, Any]:
    if isinstance(found, Line):
        found = found.finding
    elif isinstance(found, str):
        found = Finding(NOTE, "", "", found)
    data: dict[str, Any] = json_data.data(found)
    return data
