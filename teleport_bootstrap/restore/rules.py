"""Decides whether an archive may be restored on this host: a pure function, which returns all reasons at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from teleport_bootstrap import errors, escaping
from teleport_bootstrap.finding import ERROR, WARNING, Finding
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.records import dataclass

# The archive's data may share a disk with the data that it replaces, and Teleport needs some space to run.
LEFT_FREE_BYTES = 64 * 1024 * 1024

# The source of a statement that the conf of this host does not make.
APPLIED = "what was applied on it"


@dataclass(frozen=True)
class Origin:
    """What the archive says about its host; None where it says nothing.

    `instance` is the EC2 instance, `tables` and `backups` the DynamoDB tables and the ARNs of their backups.
    `host_uuid` says whether the archive holds an identity. `links_out` counts the symbolic links that lead out of the
    restored directories; `first_links_out` are the first of them. `missing_in_all` counts what is missing in an
    incomplete archive; `missing` are lines on the first of them, and `misses_needed` says whether the host may be
    unable to do its work without them.
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
    missing: tuple[str, ...] = ()
    missing_in_all: int = 0
    misses_needed: bool = False


def origin_of(name: str, header: Mapping[str, Any]) -> Origin:
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


@dataclass(frozen=True)
class Statement:
    """The role or cluster of this host, and which line or record says so."""

    value: str
    source: str


@dataclass(frozen=True)
class Space:
    """What the archive needs on one file system of this host, and what is free there, in bytes and inodes."""

    path: str
    needed: int
    free: int
    files: int = 0
    free_files: int | None = None


@dataclass(frozen=True)
class Here:
    """This host: its Teleport, its role and cluster, its data, its free space, and obstacles.

    `user_data` describes data that a first boot does not create, one line each. `obstacles` are errors that keep the
    data directory from being replaced.
    """

    build: teleport_build.TeleportBuild
    role: Statement | None = None
    cluster: Statement | None = None
    instance: str | None = None
    user_data: tuple[str, ...] = ()
    spaces: tuple[Space, ...] = ()
    obstacles: tuple[Finding, ...] = ()


def check(origin: Origin, here: Here, *, force: bool = False, allow_incomplete: bool = False) -> tuple[Finding, ...]:
    """Return the errors that forbid restoring an archive of `origin` on `here`, then the warnings.

    With `force`, data on this host and links that lead out of the archive are warnings instead of errors; with
    `allow_incomplete`, an archive without what a host needs is.
    """
    findings = (
        *_version(origin.build, here.build),
        *_kind_of_build(origin.build, here.build),
        *_identity("role", origin.role, here.role),
        *_identity("cluster", origin.cluster, here.cluster),
        *_data(here.user_data, force=force),
        *_links(origin, force=force),
        *_incomplete(origin, allowed=allow_incomplete),
        *_space(here.spaces),
        *here.obstacles,
        *_two_hosts(origin, here),
        *_tables(origin),
    )
    return tuple(sorted(findings, key=lambda each: not each.is_error))


def refused(name: str, findings: Sequence[Finding]) -> errors.RestoreRefused:
    """Return the error for an archive that must not be restored here."""
    return errors.RestoreRefused(f"{name} cannot be restored here:", hint="Nothing was changed.", findings=findings)


def no_room(path: str, free: int) -> Finding:
    """Return the error for an archive that turns out to be larger than what is free beside `path`."""
    return finding(
        "space",
        path,
        f"{path} has room for {_megabytes(free)}, and the archive takes more in addition to the existing data; "
        f"{_megabytes(LEFT_FREE_BYTES)} should stay free",
        _ENLARGE,
    )


_ENLARGE = "Enlarge the volume, or remove files; the existing data is kept until the restore has succeeded."


def finding(code: str, subject: str, message: str, remedy: str = "") -> Finding:
    """Return an error, or a warning if there is nothing to do about it on this host."""
    return Finding(ERROR if remedy else WARNING, f"restore-{code}", subject, message, remedy)


def _version(old: teleport_build.TeleportBuild | None, new: teleport_build.TeleportBuild) -> Iterator[Finding]:
    message, remedy = "", ""
    if old is None:
        message = (
            "the archive does not say which Teleport it is of; this host must have the same major version or the next"
        )
    elif new.assumed:
        message = (
            "no Teleport is installed here that reports its version; the archive is of "
            f"{old.version}, and needs that major version or the next"
        )
    elif (new.major, new.minor, new.patch) < (old.major, old.minor, old.patch):
        message = (
            f"the archive is of Teleport {old.version}, and this host has {new.version}, which is older: Teleport "
            "cannot read the data of a newer version"
        )
        remedy = f"Launch an image with Teleport {old.version} or newer, up to {old.major + 1}."
    elif new.major > old.major + 1:
        message = (
            f"the archive is of Teleport {old.version}, and this host has {new.version}: Teleport does not start when "
            "a major version is skipped"
        )
        following = f"back up there, and continue with {old.major + 2}."
        remedy = f"Restore on an image with Teleport {old.major + 1} first, {following}"
    if message:
        yield finding("version", "teleport", message, remedy)


def _kind_of_build(old: teleport_build.TeleportBuild | None, new: teleport_build.TeleportBuild) -> Iterator[Finding]:
    if old is None or new.assumed:
        return
    if old.fips and not new.fips and new.says_whether_fips:
        yield finding(
            "build",
            "teleport",
            "the archive is of a FIPS build of Teleport, and this host has an ordinary build: its cryptography is not "
            "validated",
            "Launch an image with a FIPS build.",
        )
    elif new.fips and not old.fips:
        message = "this host has a FIPS build of Teleport, and the archive is of an ordinary build: local users cannot "
        yield finding("build", "teleport", f"{message}sign in")
    editions = old.edition, new.edition
    if editions == (teleport_build.ENTERPRISE, teleport_build.COMMUNITY):
        yield finding(
            "build",
            "teleport",
            "the archive is of Teleport Enterprise, and this host has the community edition, which does not support "
            "the license or all roles",
            "Launch an image with Teleport Enterprise.",
        )
    elif editions == (teleport_build.COMMUNITY, teleport_build.ENTERPRISE):
        message = "this host has Teleport Enterprise, and the archive is of the community edition: it needs a license"
        yield finding("build", "teleport", message)


def _identity(what: str, archived: str | None, stated: Statement | None) -> Iterator[Finding]:
    if archived is None or stated is None or archived == stated.value:
        return
    yield finding(
        what,
        what,
        f"the archive is of the {what} {archived}, and this host is {stated.value} according to {stated.source}",
        f"Restore it on a new instance, whose conf names that {what} or nothing but TELEPORT_RESTORE_FROM."
        if stated.source == APPLIED
        else f"If this host should be {archived}, correct that line; otherwise restore the archive on another host.",
    )


def _data(user_data: tuple[str, ...], *, force: bool) -> Iterator[Finding]:
    data = "; ".join(user_data)
    if data and force:
        yield finding("data", "data", f"the data of this host is set aside: {data}")
    elif data:
        remedy = "Add --force to set it aside; `teleport-bootstrap restore --undo` restores it."
        yield finding("data", "data", f"this host has data of its own: {data}", remedy)


def _links(origin: Origin, *, force: bool) -> Iterator[Finding]:
    if not origin.links_out:
        return
    more = origin.links_out - len(origin.first_links_out)
    shown = ", ".join(origin.first_links_out) + (f" and {more} more" if more > 0 else "")
    message = f"the archive holds symbolic links that lead out of the restored directories ({shown})"
    if force:
        yield finding("links", "archive", f"{message}: they are restored as links")
    else:
        remedy = "If they were made on purpose on the old host, add --force; they are restored as links."
        message += ": a program that opens such a link opens its target on this host"
        yield finding("links", "archive", message, remedy)


def _incomplete(origin: Origin, *, allowed: bool) -> Iterator[Finding]:
    if not origin.missing_in_all:
        return
    more = origin.missing_in_all - len(origin.missing)
    shown = "; ".join(origin.missing) + (f"; and {more} more" if more > 0 else "")
    message = f"the backup is incomplete, and this will be missing here: {shown}"
    if allowed or not origin.misses_needed:
        yield finding("incomplete", "archive", message)
    else:
        yield finding(
            "incomplete",
            "archive",
            f"{message}. This host may lose its identity, its keys or its cluster's state",
            "Restore an older backup that is complete (`teleport-bootstrap backup list`), or add --allow-incomplete to "
            "restore what there is.",
        )


def _space(spaces: tuple[Space, ...]) -> Iterator[Finding]:
    for each in spaces:
        if each.needed + LEFT_FREE_BYTES > each.free:
            yield finding(
                "space",
                each.path,
                f"{each.path} has room for {_megabytes(each.free)}, and the archive takes {_megabytes(each.needed)} "
                f"there in addition to the existing data; {_megabytes(LEFT_FREE_BYTES)} should stay free",
                _ENLARGE,
            )
        if each.free_files is not None and each.files > each.free_files:
            message = f"{each.path} has room for {each.free_files} more files, and the archive holds {each.files}"
            yield finding("space", each.path, message, "Remove files there, or use a file system with more inodes.")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"


def _two_hosts(origin: Origin, here: Here) -> Iterator[Finding]:
    if not origin.host_uuid:
        return
    old = f"instance {origin.instance}" if origin.instance else origin.host or "the archive's host"
    yield finding(
        "identity",
        "host_uuid",
        "no other host may run with this identity (host_uuid): it was created on this very instance"
        if origin.instance is not None and origin.instance == here.instance
        else f"two hosts with one identity (host_uuid) must not run at once: stop Teleport on {old}, or the instance "
        "itself, before Teleport starts here, and never start it there again",
    )


def _tables(origin: Origin) -> Iterator[Finding]:
    if origin.tables:
        bucket = f" and S3 ({origin.bucket})" if origin.bucket else ""
        kept = f"their backups of that time are {', '.join(origin.backups)}"
        yield finding(
            "tables",
            "dynamodb",
            f"the cluster's state is in DynamoDB ({', '.join(origin.tables)}){bucket}, which a restore does not touch: "
            + (kept if origin.backups else "the archive names no backups of the tables"),
        )
