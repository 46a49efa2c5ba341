"""Where an auth server keeps its state, its audit events and its recordings."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import go_url, words
from teleport_bootstrap.plan.checks.context import NOT_A_MAPPING, Context, texts

_SECTION = ("teleport", "storage")
# What each type needs besides its name, and does not start without.
_NEEDED = {
    "dynamodb": ("table_name",),
    "etcd": ("prefix", "peers"),
    "firestore": ("collection_name", "project_id"),
    "postgres": ("conn_string",),
    "cockroachdb": ("conn_string",),
}
# Where events can only be kept together with a place for the recordings.
_OUTSIDE = frozenset(("dynamodb", "firestore", "athena", "postgres", "postgresql"))


def check(context: Context) -> Iterator[Finding]:
    """Find settings of the storage with which the auth service does not start; other services do not read them."""
    if not context.enabled("auth_service"):
        return
    section = context.get(*_SECTION)
    if section is not None and not isinstance(section, dict):
        yield context.error(_SECTION, *NOT_A_MAPPING)
        return
    yield from context.word((*_SECTION, "type"), words.STORAGE_TYPES)
    kind = str(context.get(*_SECTION, "type") or "dir")
    for key in _NEEDED.get(kind, ()):
        if context.get(*_SECTION, key) in (None, "", []):
            yield context.missing((*_SECTION, key), f"write {key}", f"storage of the type {kind} needs it")
    if kind in ("dir", "sqlite"):
        yield from context.word((*_SECTION, "journal"), words.SQLITE_JOURNALS)
        yield from context.word((*_SECTION, "sync"), words.SQLITE_SYNCS)
    yield from _events(context)
    yield from _sessions(context)


def _events(context: Context) -> Iterator[Finding]:
    path = (*_SECTION, "audit_events_uri")
    uris = texts(context.get(*path))
    if isinstance(context.get(*path), (int, dict)):
        yield context.error(path, "this is not a list of URIs", "write for example [dynamodb://TABLE, stdout://]")
        return
    outside = False
    for uri in filter(None, uris):
        url = _read(uri)
        if url is None:
            yield context.error(
                path,
                f"{go_url.without_user(uri)} is not a URI",
                "write for example dynamodb://TABLE or file:///DIRECTORY",
            )
            continue
        scheme = url.scheme or "file"
        outside = outside or scheme in _OUTSIDE
        yield from context.word(path, words.EVENT_SCHEMES, scheme)
        if scheme == "file":
            yield from _file(context, path, uri, url)
    if outside and context.get(*_SECTION, "audit_sessions_uri") in (None, ""):
        why = "Teleport keeps recordings outside, too, where it keeps audit events outside"
        remedy = "write where recordings are kept, such as s3://BUCKET/records"
        yield context.missing((*_SECTION, "audit_sessions_uri"), remedy, why)


def _sessions(context: Context) -> Iterator[Finding]:
    path = (*_SECTION, "audit_sessions_uri")
    uri = context.get(*path)
    if uri in (None, "") or isinstance(uri, (dict, list)):
        return
    url = _read(str(uri))
    if url is None:
        yield context.error(
            path, f"{go_url.without_user(str(uri))} is not a URI", "write for example s3://BUCKET/records"
        )
        return
    scheme = url.scheme or "file"
    yield from context.word(path, words.SESSION_SCHEMES, scheme)
    if scheme in ("s3", "gs") and not url.host:
        yield context.error(
            path, f"{go_url.without_user(str(uri))} names no bucket", f"write {scheme}://BUCKET/records"
        )
    elif scheme == "file" and not url.path:
        yield context.error(
            path, f"{go_url.without_user(str(uri))} names no directory", "write file:// and an absolute path"
        )


def _file(context: Context, path: tuple[str, ...], uri: str, url: go_url.Url) -> Iterator[Finding]:
    if not url.path:
        yield context.error(
            path, f"{go_url.without_user(uri)} names no directory", "write file:// and an absolute path"
        )
    elif url.host not in ("", "localhost"):
        yield context.error(
            path,
            f"{go_url.without_user(uri)} names the host {url.host}",
            "write file:/// and the path: it is on this host",
        )


def _read(uri: str) -> go_url.Url | None:
    try:
        return go_url.parse(uri)
    except go_url.Malformed:
        return None
