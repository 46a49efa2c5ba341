"""Where Teleport keeps its cluster's state, as teleport.yaml says it: what of it a backup of this host cannot hold."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional
from urllib.parse import urlsplit

from teleport_bootstrap import paths

DIRECTORY = "dir"
DYNAMODB = "dynamodb"

# The default of Teleport where the file says nothing, and another name of the same.
_ON_DISK = ("dir", "sqlite")


@dataclass(frozen=True)
class TableBackup:
    """An on-demand backup of a DynamoDB table."""

    table: str
    arn: str


@dataclass(frozen=True)
class Storage:
    """`type` as teleport.yaml has it; the tables of state and events, their region, and the bucket of recordings.

    `table_backups` are the on-demand backups that were asked for together with this one.
    """

    type: str
    region: Optional[str] = None
    tables: tuple[str, ...] = ()
    sessions: Optional[str] = None
    table_backups: tuple[TableBackup, ...] = field(default=())

    @property
    def bucket(self) -> Optional[str]:
        """The bucket of recordings, without what it calls them; None where they are on this host."""
        return urlsplit(self.sessions).netloc or None if self.sessions else None


def of(document: Mapping[str, Any]) -> Storage:
    """Return what `document`, a teleport.yaml, says."""
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
    """Return the directories that hold Teleport's data: the usual one first, then those that `document` names."""
    teleport = document.get("teleport")
    named = [teleport.get("data_dir") if isinstance(teleport, Mapping) else None]
    section = _storage(document)
    if section.get("type", DIRECTORY) in _ON_DISK:
        named.append(section.get("path"))
    found = [paths.DATA]
    for each in named:
        path = posixpath.normpath(each) if isinstance(each, str) and each.startswith("/") else None
        # Two leading slashes are another name for one.
        path = "/" + path.lstrip("/") if path else None
        if path and path != "/" and not any(is_in(path, known) for known in found):
            found = [known for known in found if not is_in(known, path)] + [path]
    return tuple(found)


def is_in(path: str, top: str) -> bool:
    """Whether `path` is `top`, or below it."""
    return path == top or path.startswith(f"{top.rstrip('/')}/")


def _storage(document: Mapping[str, Any]) -> Mapping[str, Any]:
    teleport = document.get("teleport")
    section = teleport.get("storage") if isinstance(teleport, Mapping) else None
    return section if isinstance(section, Mapping) else {}


def _uris(value: Any) -> Iterator[str]:
    """Yield the addresses of an audit setting, which is one or a list of them."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str):
            yield each
