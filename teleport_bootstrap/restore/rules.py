"""Whether an archive may be restored on this host: a pure function, and everything that speaks against it at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from teleport_bootstrap.plan import teleport_build

# The data of an archive may lie on the same disk as what it replaces, and Teleport needs air to breathe.
LEFT_FREE_BYTES = 64 * 1024 * 1024

# Where a host says what it is, when its conf does not.
APPLIED = "what was applied on it"


@dataclass(frozen=True)
class Origin:
    """What the archive says of where it comes from; None is what it does not say.

    `instance` is the EC2 instance, `tables` and `backups` the DynamoDB tables and the ARNs of their backups.
    `host_uuid` says whether the archive holds an identity, `links_out` how many symbolic links in it lead out of what
    is restored; the first of them are `first_links_out`.
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


@dataclass(frozen=True)
class Statement:
    """What this host says it is, and where it says so."""

    value: str
    source: str


@dataclass(frozen=True)
class Space:
    """What the archive takes on one file system of this host, and what is free there; bytes and inodes."""

    path: str
    needed: int
    free: int
    files: int = 0
    free_files: int | None = None


@dataclass(frozen=True)
class Here:
    """This host: the installed Teleport, what it says of itself, what people have made on it, and what is in the way.

    `made` describes data that a first boot does not make by itself, a line each. `in_the_way` is what keeps its data
    directory from being exchanged, with a remedy.
    """

    build: teleport_build.TeleportBuild
    role: Statement | None = None
    cluster: Statement | None = None
    instance: str | None = None
    made: tuple[str, ...] = ()
    spaces: tuple[Space, ...] = ()
    in_the_way: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Refusal:
    """One reason not to restore, and what a person can do about it."""

    message: str
    remedy: str

    def describe(self) -> str:
        """Return both in two lines."""
        return f"- {self.message}\n  {self.remedy}"


@dataclass(frozen=True)
class Verdict:
    """Everything that speaks against it, and what a person should know although it may be done."""

    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def judge(origin: Origin, here: Here, *, force: bool = False) -> Verdict:
    """Return what speaks against restoring an archive of `origin` on `here`; `force` gives up the data that is here."""
    return Verdict(
        (
            *_version(origin, here),
            *_kind_of_build(origin, here),
            *_identity("role", origin.role, here.role),
            *_identity("cluster", origin.cluster, here.cluster),
            *([] if force else (*_data(here), *_links(origin))),
            *_room(here),
            *(Refusal(message, remedy) for message, remedy in here.in_the_way),
        ),
        tuple(_warnings(origin, here, force=force)),
    )


def _version(origin: Origin, here: Here) -> Iterator[Refusal]:
    old, new = origin.build, here.build
    if old is None or new.assumed:
        return
    if _number(new) < _number(old):
        yield Refusal(
            f"the archive is of Teleport {old.version}, and this host has {new.version}, which is older: Teleport does "
            "not read what a newer one has written",
            f"Launch an image with Teleport {old.version} or newer, up to {old.major + 1}.",
        )
    elif new.major > old.major + 1:
        yield Refusal(
            f"the archive is of Teleport {old.version}, and this host has {new.version}: Teleport does not start when "
            "a major version is skipped",
            f"Restore on an image with Teleport {old.major + 1} first, back up there, and go on to {old.major + 2}.",
        )


def _number(build: teleport_build.TeleportBuild) -> tuple[int, int, int]:
    return build.major, build.minor, build.patch


def _kind_of_build(origin: Origin, here: Here) -> Iterator[Refusal]:
    old, new = origin.build, here.build
    if old is None or new.assumed:
        return
    if old.fips and not new.fips and new.says_whether_fips:
        yield Refusal(
            "the archive is of a FIPS build of Teleport, and this host has another one: it would serve with "
            "cryptography that is not validated",
            "Launch an image with a FIPS build.",
        )
    if old.edition == teleport_build.ENTERPRISE and new.edition == teleport_build.COMMUNITY:
        yield Refusal(
            "the archive is of Teleport Enterprise, and this host has the community edition, which knows neither its "
            "license nor all of its roles",
            "Launch an image with Teleport Enterprise.",
        )


def _identity(what: str, archived: str | None, stated: Statement | None) -> Iterator[Refusal]:
    if archived is None or stated is None or archived == stated.value:
        return
    remedy = (
        f"Restore it on a new instance, whose conf names that {what} or nothing but TELEPORT_RESTORE_FROM."
        if stated.source == APPLIED
        else f"Correct that line where this host is to be {archived}; otherwise restore the archive elsewhere."
    )
    yield Refusal(
        f"the archive is of the {what} {archived}, and this host is {stated.value} according to {stated.source}", remedy
    )


def _data(here: Here) -> Iterator[Refusal]:
    if here.made:
        yield Refusal(
            "this host has data of its own: " + "; ".join(here.made),
            "Add --force to have it put aside, where `teleport-bootstrap restore --undo` finds it again.",
        )


def _links(origin: Origin) -> Iterator[Refusal]:
    if origin.links_out:
        yield Refusal(
            f"the archive holds {_links_out(origin)}: what opens such a name here opens what it leads to",
            "Add --force where somebody on the old host has made them for a reason; they are restored as links.",
        )


def _links_out(origin: Origin) -> str:
    more = origin.links_out - len(origin.first_links_out)
    shown = ", ".join(origin.first_links_out) + (f" and {more} more" if more > 0 else "")
    return f"symbolic links that lead out of what is restored ({shown})"


def _room(here: Here) -> Iterator[Refusal]:
    for each in here.spaces:
        if each.needed + LEFT_FREE_BYTES > each.free:
            yield Refusal(
                f"{each.path} has room for {_megabytes(each.free)}, and the archive takes {_megabytes(each.needed)} "
                f"there beside what is there already, and {_megabytes(LEFT_FREE_BYTES)} should stay free",
                "Enlarge the volume, or remove what is not needed; what is there now stays until this is over.",
            )
        if each.free_files is not None and each.files > each.free_files:
            yield Refusal(
                f"{each.path} has room for {each.free_files} more files, and the archive holds {each.files}",
                "Remove files there, or use a file system with more inodes.",
            )


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"


def _warnings(origin: Origin, here: Here, *, force: bool) -> Iterator[str]:
    old, new = origin.build, here.build
    if old is None:
        yield (
            "the archive does not say which Teleport it is of, so nobody can tell whether the one here may follow it: "
            "it must be the same major version or the next"
        )
    elif new.assumed:
        yield (
            f"no Teleport is installed here that says its version; the archive is of {old.version}, and takes that "
            "major version or the next"
        )
    elif new.fips and not old.fips:
        yield "this host has a FIPS build of Teleport, and the archive is not of one: local users cannot sign in"
    elif new.edition == teleport_build.ENTERPRISE and old.edition == teleport_build.COMMUNITY:
        yield "this host has Teleport Enterprise, and the archive is of the community edition: it needs a license"
    if force and origin.links_out:
        yield f"the archive holds {_links_out(origin)}: they are restored as they are"
    if force and here.made:
        yield "what is on this host is put aside: " + "; ".join(here.made)
    if origin.host_uuid:
        yield _two_hosts(origin, here)
    if origin.tables:
        yield _tables(origin)


def _two_hosts(origin: Origin, here: Here) -> str:
    if origin.instance is not None and origin.instance == here.instance:
        return "no other host may run with this identity (host_uuid): it was made on this very instance"
    old = f"instance {origin.instance}" if origin.instance else origin.host or "the host that the archive is of"
    return (
        f"two hosts with one identity (host_uuid) must not run at once: stop Teleport on {old}, or the instance "
        "itself, before it is started here, and never start it there again"
    )


def _tables(origin: Origin) -> str:
    kept = ", ".join(origin.backups)
    return (
        f"the cluster's state is in DynamoDB ({', '.join(origin.tables)})"
        + (f" and S3 ({origin.bucket})" if origin.bucket else "")
        + ", which restoring does not touch: "
        + (f"their backups of that time are {kept}" if kept else "the archive names no backups of the tables")
    )
