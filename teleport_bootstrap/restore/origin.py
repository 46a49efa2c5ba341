"""Where an archive comes from, as far as its header says so; the header may be hostile or of another version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap import errors, escaping
from teleport_bootstrap.plan import teleport_build


@dataclass(frozen=True)
class Origin:
    """What the archive says about its host; None where it says nothing.

    `instance` is the EC2 instance, `tables` and `backups` the DynamoDB tables and the ARNs of their backups.
    `host_uuid` says whether the archive holds an identity. `links_out` counts the symbolic links that lead out of the
    restored directories; `first_links_out` are the first of them.
    """

    name: str
    made_at: str | None = None
    build: teleport_build.TeleportBuild | None = None
    role: str | None = None
    cluster: str | None = None
    instance: str | None = None
    host: str | None = None
    tables: tuple[str, ...] = ()
    backups: tuple[str, ...] = ()
    bucket: str | None = None
    host_uuid: bool = False
    links_out: int = 0
    first_links_out: tuple[str, ...] = ()


def from_header(name: str, header: Mapping[str, Any]) -> Origin:
    """Return the origin of the archive `name` according to its header."""
    instance, storage = _mapping(header.get("instance")), _mapping(header.get("storage"))
    return Origin(
        name=name,
        made_at=_text(header.get("made_at")),
        build=_build(_mapping(header.get("teleport"))),
        role=_text(header.get("role")),
        cluster=_text(header.get("cluster")),
        instance=_text(instance.get("id")),
        host=_text(instance.get("node_name")) or _text(instance.get("host_name")),
        tables=tuple(_text(each) or "?" for each in _list(storage.get("tables"))),
        backups=tuple(_text(_mapping(each).get("arn")) or "?" for each in _list(storage.get("table_backups"))),
        bucket=_text(storage.get("sessions")),
        host_uuid=_text(instance.get("host_uuid")) is not None,
    )


def _build(teleport: Mapping[str, Any]) -> teleport_build.TeleportBuild | None:
    version = _text(teleport.get("version"))
    if version is None:
        return None
    try:
        return teleport_build.of_version(
            version, fips=teleport.get("fips") is True, edition=_text(teleport.get("edition"))
        )
    except errors.UsageError:
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _text(value: Any) -> str | None:
    """Return a non-empty string, escaped for one line of output, and None for anything else."""
    return escaping.one_line(value, 300) if isinstance(value, str) and value else None
