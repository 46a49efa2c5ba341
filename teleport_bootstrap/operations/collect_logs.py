"""Collects a support bundle: masked texts as one archive that only root can read."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import os
import tarfile
from collections.abc import Callable

from teleport_bootstrap import errors, paths
from teleport_bootstrap.hints import Any, ClassVar
from teleport_bootstrap.host import clock, directory
from teleport_bootstrap.inspection import bundle_parts, known_secrets, redaction
from teleport_bootstrap.plan import secret_mask
from teleport_bootstrap.records import dataclass

MANIFEST = "MANIFEST.txt"
# A gzip header has 32 bits for its time, which end in 2106.
_LAST_IN_GZIP = 2**32 - 1
_LONGEST_LINE = 32 * 1024

_INTRODUCTION = """\
What this bundle holds, from {host}, made at {made_at} by teleport-bootstrap collect-logs.

Check its content before you send it. Masked in it are the secrets of this host ({known} values) and everything that
looks like a secret. It holds names of hosts, users and clusters, and addresses. It never holds the license, tokens,
keys or any other content of Teleport's data directory.

"""

# A bundle has this name, its process and the usual ending until all of it is on the disk.
_PARTIAL = ".support-bundle."


@dataclass(frozen=True)
class Entry:
    """A file in the bundle: its size in bytes, and the number of secrets masked in it."""

    json_keys: ClassVar[dict[str, str]] = {"size": "size_bytes"}

    name: str
    size: int
    masked: int


@dataclass(frozen=True)
class Bundle:
    """A bundle at `path`; `masked` counts by kind, `absent` says what is missing or incomplete in it, and why.

    `unread` names files that could not be read and may hold a secret, which therefore may not be masked elsewhere.
    """

    path: str
    size: int
    entries: tuple[Entry, ...]
    masked: dict[str, int]
    absent: tuple[str, ...]
    unread: tuple[str, ...]


def make(root: paths.Root, output: str | None, *, days: float, status: Callable[[], dict[str, Any]]) -> Bundle:
    """Collect, mask, and write the bundle to the new file `output`, by default one in the state directory.

    `status` returns what `status --format json` prints.
    Neither takes the lock nor recovers an interrupted change: the bundle shows the host as it is. Raises UsageError if
    `output` exists, FileTrouble if it cannot be written.
    """
    made_at = clock.calendar()
    name = f"support-{made_at:%Y%m%dT%H%M%SZ}"
    path = os.path.abspath(output) if output is not None else _free(root, name)
    _require_free(path)
    secrets = known_secrets.find(root)
    mask = redaction.Mask(secrets.secrets)
    contents: dict[str, str] = {}
    entries, absent = [], []
    for part in bundle_parts.parts(root, days=days, status=status):
        before = sum(mask.counts.values())
        text = _short_lines(mask.apply(secret_mask.masked(part.text) if part.name.endswith(".yaml") else part.text))
        if part.trouble:
            absent.append(mask.apply(f"{part.name}: {part.trouble}"))
        if not text:
            continue
        if mask.survives(text):
            absent.append(f"{part.name}: a secret of this host could not be removed from it")
            continue
        contents[part.name] = text
        entries.append(Entry(part.name, len(text.encode()), sum(mask.counts.values()) - before))
    unread = tuple(map(mask.apply, secrets.unread))
    introduction = _INTRODUCTION.format(host=mask.apply(os.uname().nodename), made_at=made_at, known=mask.known)
    manifest = introduction + _manifest(entries, dict(mask.counts), absent, unread)
    data = _packed({MANIFEST: manifest, **contents}, name, int(made_at.timestamp()))
    _write(path, data, make_parent=output is None)
    return Bundle(path, len(data), tuple(entries), dict(mask.counts), tuple(absent), unread)


def _remove_partial(opened: directory.Directory) -> None:
    """Remove what killed runs left, whatever name they were to give it."""
    for each in opened.names():
        number = each[len(_PARTIAL) : -len(directory.STAGED)]
        is_ours = each.startswith(_PARTIAL) and each.endswith(directory.STAGED) and number.isdecimal()
        if is_ours and not os.path.exists(f"/proc/{number}"):
            with contextlib.suppress(OSError):
                opened.unlink(each)


def _require_free(path: str) -> None:
    if os.path.lexists(path):
        # A run that was killed at its very end has given the bundle its name, and left the other one.
        with contextlib.suppress(OSError), contextlib.closing(_opened(os.path.dirname(path))) as opened:
            _remove_partial(opened)
        raise errors.UsageError(f"{path} already exists", hint="Name a file that does not exist.")


def _free(root: paths.Root, stem: str) -> str:
    """Return a path in the state directory that does not exist: there may be a bundle of the same second."""
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    found = (root.path(f"{paths.STATE}/{name}.tar.gz") for name in names)
    return next(path for path in found if not os.path.lexists(path))


def _opened(parent: str) -> directory.Directory:
    """Open a directory that the operator names, through links. Raises OSError."""
    return directory.Directory(os.path.realpath(parent))


def _short_lines(text: str) -> str:
    """Cut overlong lines; after the masking, which would not recognize half a secret."""
    if max(map(len, text.splitlines()), default=0) <= _LONGEST_LINE:
        return text
    return "".join(
        line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} [cut]\n"
        for line in text.splitlines(keepends=True)
    )


def _manifest(entries: list[Entry], counts: dict[str, int], absent: list[str], unread: tuple[str, ...]) -> str:
    lines = [f"{each.size:>9}  {each.name}" + (f"  ({each.masked} masked)" if each.masked else "") for each in entries]
    lines += ["", "Masked:", *(f"  {count:>6}  {kind}" for kind, count in sorted(counts.items()))]
    if not counts:
        lines.append("  nothing")
    if unread:
        lines += ["", "Could not be read, so a secret in it may not be masked elsewhere:", *(f"  {x}" for x in unread)]
    if absent:
        lines += ["", "Missing or incomplete:", *(f"  {each}" for each in absent)]
    lines += ["", "Journals have the newest entry first.", ""]
    return "\n".join(lines)


def _packed(contents: dict[str, str], folder: str, moment: int) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=max(0, min(moment, _LAST_IN_GZIP))) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, text in contents.items():
            data = text.encode("utf-8", "backslashreplace")
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mode, member.mtime = len(data), 0o600, moment
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def _write(path: str, data: bytes, *, make_parent: bool) -> None:
    """Write a new file, of mode 0600 from the start; it gets its name once all of it is on the disk."""
    parent, name = os.path.split(path)
    # Links to a directory that the operator names are followed; none in the state directory are.
    parent = parent if make_parent else os.path.realpath(parent)
    try:
        if make_parent:
            os.makedirs(os.path.dirname(parent), mode=0o755, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkdir(parent, mode=0o700)
        with contextlib.closing(directory.Directory(parent)) as opened:
            _remove_partial(opened)
            partial = f"{_PARTIAL}{os.getpid()}{directory.STAGED}"
            opened.create(partial, data, mode=0o600, uid=-1, gid=-1)
            try:
                opened.keep(partial, name)
            finally:
                opened.unlink(partial)
            opened.sync()
    except FileExistsError:
        _require_free(path)
        raise
    except OSError as error:
        raise errors.FileTrouble(
            f"{path} cannot be written: {error.strerror}",
            hint="Check its directory, or name another file with --output.",
        ) from None
