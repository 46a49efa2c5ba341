"""Where Teleport keeps its cluster's state, by teleport.yaml; only a part of it may be on this host."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from teleport_bootstrap import paths
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import provenance
from teleport_bootstrap.records import dataclass

DIRECTORY = "dir"
DYNAMODB = "dynamodb"

# Teleport's default, and another name for it.
_ON_DISK = ("dir", "sqlite")


@dataclass(frozen=True)
class Storage:
    """`type` as in teleport.yaml; the tables of state and events, their region, and the URI of recordings.

    `table_backups` are the on-demand backups that were requested together with this one: each one's `table` and `arn`.
    """

    type: str
    region: str | None = None
    tables: tuple[str, ...] = ()
    sessions: str | None = None
    table_backups: tuple[Mapping[str, str], ...] = ()


def from_document(document: Mapping[str, Any]) -> Storage:
    """Return the storage of a parsed teleport.yaml."""
    section = _storage(document)
    kind = section.get("type")
    kind = kind if isinstance(kind, str) and kind else DIRECTORY
    tables = [section.get("table_name")] if kind == DYNAMODB else []
    tables += [urlsplit(uri).netloc for uri in _uris(section.get("audit_events_uri")) if uri.startswith("dynamodb://")]
    sessions = next((uri for uri in _uris(section.get("audit_sessions_uri")) if uri.startswith("s3://")), None)
    region = section.get("region")
    return Storage(
        type=kind,
        region=region if isinstance(region, str) else None,
        tables=tuple(dict.fromkeys(each for each in tables if isinstance(each, str) and each)),
        sessions=None if sessions is None else sessions.partition("?")[0],
    )


def directories(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the directories of Teleport's data: the default one first, then those that `document` names."""
    named = [provenance.value_at(document, ("teleport", "data_dir"))]
    section = _storage(document)
    if section.get("type", DIRECTORY) in _ON_DISK:
        named.append(section.get("path"))
    found = [paths.DATA]
    for each in named:
        path = posixpath.normpath(each) if isinstance(each, str) and each.startswith("/") else None
        # Two leading slashes mean the same as one.
        path = "/" + path.lstrip("/") if path else None
        if path and path != "/" and not any(is_in(path, other) for other in found):
            found = [other for other in found if not is_in(other, path)] + [path]
    return tuple(found)


def is_in(path: str, top: str) -> bool:
    """Return whether `path` is `top`, or below it."""
    return path == top or path.startswith(f"{top.rstrip('/')}/")


def _storage(document: Mapping[str, Any]) -> Mapping[str, Any]:
    section = provenance.value_at(document, ("teleport", "storage"))
    return section if isinstance(section, Mapping) else {}


def _uris(value: Any) -> Iterator[str]:
    """Yield the URIs of an audit setting, which is one of them or a list."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str):
            yield each
