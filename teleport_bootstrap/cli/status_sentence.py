"""The first sentence of `status`: how this host is, what it is, and where."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from teleport_bootstrap import roles
from teleport_bootstrap.operations import status_summary

_ROLES = {
    roles.Role.ALL: "All-in-one",
    roles.Role.AUTH: "Auth server",
    roles.Role.PROXY: "Proxy",
    roles.Role.NODE: "Node",
    roles.Role.AGENT: "Agent",
}


def nothing(conf: str, *, exists: bool) -> str:
    """Return the sentence for a host that has no configuration; `conf` is where its conf is, or would be."""
    why = f"{conf} has not been applied yet" if exists else f"there is no {conf}"
    return f"Nothing is configured: {why}."


def sentence(state: str, role: str | None, version: str | None, summary: status_summary.Summary, now: float) -> str:
    """Return the sentence for a host that has one; `now` is in seconds since 1970."""
    named = roles.Role(role) if role else None
    return f"{state.capitalize()}. {', '.join(_parts(named, version, summary, now))}."


def _parts(role: roles.Role | None, version: str | None, summary: status_summary.Summary, now: float) -> Iterator[str]:
    of = f" of {summary.cluster}" if summary.cluster else ""
    at = f" at {summary.web_address}" if summary.web_address else ""
    through = f", joined through {summary.joined_through}" if summary.joined_through else ""
    yield (_ROLES[role] if role else "Unknown role") + of + at + through
    yield f"version {version}" if version else "without a Teleport"
    if summary.running_since_at:
        yield f"up {short(_seconds_since(summary.running_since_at, now))}"
    elif summary.running is None:
        yield "not asked for its health"
    elif not summary.running:
        yield "not running"
    if summary.last_backup_at:
        yield f"last verified backup {short(_seconds_since(summary.last_backup_at, now))} ago"
    elif role is not None and role.runs_auth:
        yield "no verified backup"


def short(seconds: float) -> str:
    """Return a duration in its largest unit, such as `3 h` or `2 days`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 2 * 86400 else f"{whole // 86400} days"


def _seconds_since(moment: str, now: float) -> float:
    return now - datetime.datetime.fromisoformat(moment).timestamp()
