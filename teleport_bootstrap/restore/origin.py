"""What the header of an archive says, as far as it makes sense: it may come from anybody, and from another version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teleport_bootstrap import errors, escaping
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.restore import rules


def of(name: str, header: Mapping[str, Any]) -> rules.Origin:
    """Return where the archive `name` comes from, according to its header."""
    instance, storage = _mapping(header.get("instance")), _mapping(header.get("storage"))
    backups = storage.get("table_backups")
    sessions = _text(storage.get("sessions"))
    return rules.Origin(
        name=name,
        made_at=_text(header.get("made_at")),
        build=_build(_mapping(header.get("teleport"))),
        role=_text(header.get("role")),
        cluster=_text(header.get("cluster")),
        instance=_text(instance.get("id")),
        host=_text(instance.get("node_name")) or _text(instance.get("host_name")),
        tables=tuple(_text(each) or "?" for each in _listed(storage.get("tables"))),
        backups=tuple(_text(_mapping(each).get("arn")) or "?" for each in _listed(backups)),
        bucket=sessions,
        host_uuid=_text(instance.get("host_uuid")) is not None,
    )


def _build(said: Mapping[str, Any]) -> teleport_build.TeleportBuild | None:
    version = _text(said.get("version"))
    if version is None:
        return None
    try:
        return teleport_build.of_version(version, fips=said.get("fips") is True, edition=_text(said.get("edition")))
    except errors.UsageError:
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _text(value: Any) -> str | None:
    """Return a text on one line that is fit to be shown, None for anything else."""
    if not isinstance(value, str) or not value:
        return None
    return escaping.one_line(value, 300)
