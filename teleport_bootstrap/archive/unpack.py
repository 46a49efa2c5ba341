"""Creating the files of an archive while it is verified, in places that no other account can reach yet."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Iterable, Iterator, Mapping

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface, verify
from teleport_bootstrap.archive.attributes import Owners, link_path
from teleport_bootstrap.archive.interface import Entry
from teleport_bootstrap.archive.tar import Member, Refused, content_digest
from teleport_bootstrap.archive.verify import NOT_A_TARGET
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import accounts, process, underway
from teleport_bootstrap.records import dataclass, field

_SECOND = 1_000_000_000

# For gigabytes on a slow disk.
_SYNC_SECONDS = 1800.0

# For directories that are not in the archive themselves, above a file that is.
_IMPLIED_MODE = 0o755

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Staging:
    """Creates the files of an archive while `verify` reads it, at the places that `into` names; a verify.Receiver.

    `into` says where a path of the instance goes: {"/var/lib/teleport": "/var/lib/.teleport-new"} creates that member,
    with all in it, at the second path. That is absolute on this machine (not under `root`) and must not exist; only
    root may be able to write to its parent. Members outside of all keys are not created; no key is in another. A key
    may name a file or a directory, never a link.

    Nothing that is created may be used before `finish`, which takes what `verify` has found to be undamaged. Until
    then, a place that is a directory belongs to root with mode 0700, so that no other account reaches what is in it.
    Owners are looked up by name, under `root`. `bring_to_disk` makes all of it durable.

    A context manager. Raises Refused where links do not fit `into`, and FileTrouble, with the path, where something
    cannot be written. What was created by then stays for the caller to remove.
    """

    def __init__(self, into: Mapping[str, str], *, root: paths.Root) -> None:
        self._writer = _Writer({_plain(path): target for path, target in into.items()}, accounts.Names(root))

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def begin(self, header: Mapping[str, Any], kept: Mapping[str, bytes]) -> None:
        """Do nothing: see verify.Receiver."""

    def take(self, member: Member, data: Iterable[memoryview | bytes]) -> str:
        """Create one member; return the SHA-256 of the content of a file, "" for others."""
        if objection := self._writer.objection(member.entry):
            raise Refused(member.entry.path, objection)
        return self._writer.create(member, data)

    def finish(self, verified: interface.Verified) -> interface.Unpacked:
        """Give what was created its last times, owners and modes; return what was done."""
        self._writer.leave("")
        for entry in verified.entries():
            self._writer.set_time(entry)
        self._writer.finish()
        notes = self._writer.notes
        return interface.Unpacked(self._writer.totals, tuple(notes.first), notes.in_all)


def unpack(
    source: interface.Source,
    into: Mapping[str, str],
    *,
    root: paths.Root,
    limits: interface.Limits = verify.UNLIMITED,
    progress: interface.Progress | None = None,
) -> interface.Unpacked:
    """Verify `source` and create its files at the places that `into` names, as Staging does, in one reading.

    Raises what `verify` and Staging raise.
    """
    with (
        Staging(into, root=root) as staging,
        verify.verify(source, limits=limits, progress=progress, receiver=staging) as verified,
    ):
        return staging.finish(verified)


def bring_to_disk(places: Iterable[str]) -> None:
    """Bring what was unpacked at these paths of this machine to the disk, with owners and modes.

    Raises FileTrouble, and OSError for a path without a directory above it.
    """
    # Whole file systems, each once, which is much faster than file by file.
    parents = {os.stat(os.path.dirname(each)).st_dev: os.path.dirname(each) for each in places}
    for parent in parents.values():
        with underway.displayed("writing it to the disk"):
            done = process.run(
                ["sync", "--file-system", parent], most_bytes=process.SHORT, timeout_seconds=_SYNC_SECONDS
            )
        if not done.ok:
            raise errors.FileTrouble(
                f"what was unpacked in {parent} could not be written to the disk: {done.describe()}",
                hint="Check the disk, and `journalctl -k`.",
            )


def _plain(path: str) -> str:
    if os.path.normpath(path) != path or not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"not a plain absolute path: {path}")
    return path[1:]


@dataclass
class _Level:
    """A directory that is being filled; it gets the metadata of `entry` and `extended` when it is left."""

    path: str
    descriptor: int
    entry: Entry | None = None
    extended: Mapping[str, bytes] = field(default_factory=dict)


class _Writer:
    """Creates members in the order of an archive. Call `finish` after the last member, and `close` in any case.

    `places` maps paths of the archive to paths on this machine; no path is in another. Methods raise FileTrouble.
    """

    def __init__(self, places: Mapping[str, str], names: accounts.Names) -> None:
        for one in places:
            if any(one != other and _is_in(one, other) for other in places):
                raise ValueError(f"{one} is in another of the places")
        self._places = places
        self._owners = Owners(names, lambda path, text: self.notes.add(interface.Note(path, text)))
        # The places that are directories; then the one that is being filled, and the open directories below it.
        self._roots: dict[str, _Level] = {}
        self._levels: list[_Level] = []
        # The last directory that was asked for with its place, and the last one for `set_time`, which is open.
        self._folder: tuple[str, str] | None = None
        self._timed: tuple[str, int] | None = None
        # Root can set the time of each file at the end; others only where they may still go.
        self._is_root = os.geteuid() == 0
        # Entries, files, content and data.
        self._counted = [0, 0, 0, 0]
        self.notes = interface.Notes()

    @property
    def totals(self) -> interface.Totals:
        """What was created so far."""
        return interface.Totals(*self._counted)

    def close(self) -> None:
        """Close every directory."""
        self._close_timed()
        for level in (*self._levels[1:], *self._roots.values()):
            os.close(level.descriptor)

    def objection(self, entry: Entry) -> str:
        """Return why a member must not be created in these places, "" for no reason."""
        place = self._place_of(entry.path)
        if place is None:
            return ""
        if entry.path == place and entry.kind not in (interface.FILE, interface.DIRECTORY):
            return "is a link where a file or directory is expected"
        if entry.kind == interface.HARDLINK and self._place_of(entry.link) != place:
            return "is a hard link to a file that goes elsewhere"
        return ""

    def create(self, member: Member, data: Iterable[memoryview | bytes]) -> str:
        """Create one member; return the SHA-256 of the content of a file, "" for others.

        All of `data` is read. A member outside of all places is not created.
        """
        entry = member.entry
        place = self._place_of(entry.path)
        if place is None:
            return content_digest(member, data) if entry.kind == interface.FILE else ""
        try:
            digest = self._create(member, data, place)
        except OSError as error:
            raise self._trouble(entry.path, error) from None
        self._counted[0] += 1
        self._counted[1] += entry.kind == interface.FILE
        self._counted[2] += entry.size
        self._counted[3] += member.data
        return digest

    def _create(self, member: Member, data: Iterable[memoryview | bytes], place: str) -> str:
        entry = member.entry
        parent = None if entry.path == place else self._reach(entry.path, place)
        name = self._places[place] if parent is None else entry.path.rpartition("/")[2]
        if entry.kind == interface.FILE:
            return self._file(entry, member, data, parent, name)
        if entry.kind == interface.DIRECTORY:
            level = _Level(entry.path, _new_folder(parent, name), entry, member.extended)
            if parent is None:
                self._roots[place] = level
            else:
                self._levels.append(level)
        elif parent is not None and entry.kind == interface.HARDLINK:
            self._hardlink(entry, place, parent, name)
        elif parent is not None:
            os.symlink(entry.link, name, dir_fd=parent)
            self._owners.settle(link_path(parent, name), entry, member.extended)
        return ""

    def set_time(self, entry: Entry) -> None:
        """Set the time of a member as its manifest has it, which is finer than that of its header."""
        place = self._place_of(entry.path)
        if place is None or entry.kind == interface.HARDLINK:
            return
        if entry.mtime % _SECOND == 0 and not (self._is_root and entry.kind == interface.FILE):
            return
        # Directories that are places get theirs at the end, from what the manifest says.
        if entry.kind == interface.DIRECTORY and place == entry.path:
            self._roots[place].entry = entry
            return
        # Where an ordinary user tries things out, a directory may have been closed to that account.
        passed_over = () if self._is_root else (PermissionError,)
        try:
            if entry.path == place:
                os.utime(self._places[place], ns=(entry.mtime, entry.mtime), follow_symlinks=False)
            else:
                folder, _, name = entry.path.rpartition("/")
                parent = self._folder_for_times(folder, place)
                os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)
        except passed_over:
            pass
        except OSError as error:
            raise self._trouble(entry.path, error) from None

    def _folder_for_times(self, folder: str, place: str) -> int:
        """Return the open directory `folder`; files come directory by directory."""
        if self._timed is None or self._timed[0] != folder:
            self._close_timed()
            # No other account reaches this path, and each part of it is a directory that was created here.
            path = f"{self._places[place]}/{folder[len(place) :].strip('/')}".rstrip("/")
            self._timed = folder, os.open(path, _FOLDER)
        return self._timed[1]

    def _close_timed(self) -> None:
        if self._timed is not None:
            os.close(self._timed[1])
            self._timed = None

    def finish(self) -> None:
        """Set the owners and modes of the directories that are places, too: now other accounts can reach them."""
        self.leave("")
        for level in self._roots.values():
            self._settle(level)

    def _place_of(self, path: str) -> str | None:
        """Return the place that `path` is in."""
        folder, slash, _ = path.rpartition("/")
        if slash and self._folder is not None and folder == self._folder[0]:
            return self._folder[1]
        found = self._look_for_place(path)
        # What is in it, or in a directory below it, has the same; the place itself may have neighbours.
        if slash and found is not None and found != path:
            self._folder = folder, found
        return found

    def _look_for_place(self, path: str) -> str | None:
        while path and path not in self._places:
            path = os.path.dirname(path)
        return path if path in self._places else None

    def _reach(self, path: str, place: str) -> int:
        """Return the open directory for `path`; create the missing ones above it."""
        if not self._levels or self._levels[0].path != place:
            self.leave("")
            if place not in self._roots:
                self._roots[place] = _Level(place, _new_folder(None, self._places[place]))
            self._levels = [self._roots[place]]
        parent = path.rpartition("/")[0]
        above = self._levels[-1]
        if above.path == parent:
            return above.descriptor
        self.leave(parent)
        above = self._levels[-1]
        for part in parent[len(above.path) :].strip("/").split("/"):
            if part:
                above = _Level(f"{above.path}/{part}".lstrip("/"), _new_folder(above.descriptor, part))
                self._levels.append(above)
        return above.descriptor

    def leave(self, path: str) -> None:
        """Settle the directories below a place that `path` is not in: nothing more will be created in them."""
        while len(self._levels) > 1 and not (path and _is_in(path, self._levels[-1].path)):
            level = self._levels.pop()
            try:
                self._settle(level)
            finally:
                os.close(level.descriptor)

    def _settle(self, level: _Level) -> None:
        """Set the owner, mode and times of a directory."""
        with self._naming(level.path):
            if level.entry is None:
                os.fchmod(level.descriptor, _IMPLIED_MODE)
            else:
                self._owners.settle(level.descriptor, level.entry, level.extended)

    def _file(
        self, entry: Entry, member: Member, data: Iterable[memoryview | bytes], parent: int | None, name: str
    ) -> str:
        descriptor = os.open(name, _NEW_FILE, 0o600, dir_fd=parent)
        try:
            if member.segments is not None:
                os.ftruncate(descriptor, entry.size)
            sha256 = content_digest(member, data, functools.partial(_write, descriptor))
            # Root sets the time of each file at the end, when the nanoseconds are known.
            self._owners.settle(descriptor, entry, member.extended, with_time=not self._is_root)
        finally:
            os.close(descriptor)
        return sha256

    def _hardlink(self, entry: Entry, place: str, parent: int, name: str) -> None:
        """Create a hard link to a file that was created before, through the directories that were created for it."""
        *folders, last = entry.link[len(place) :].strip("/").split("/")
        descriptor = os.dup(self._roots[place].descriptor)
        try:
            for part in folders:
                below = os.open(part, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            if not stat.S_ISREG(os.stat(last, dir_fd=descriptor, follow_symlinks=False).st_mode):
                raise OSError(errno.EINVAL, "the target of the hard link is not a file")
            os.link(last, name, src_dir_fd=descriptor, dst_dir_fd=parent, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL):
                raise
            raise Refused(entry.link, NOT_A_TARGET) from None
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _naming(self, path: str) -> Iterator[None]:
        """For an OSError of the body, raise FileTrouble with the path on this machine."""
        try:
            yield
        except OSError as error:
            raise self._trouble(path, error) from None

    def _trouble(self, path: str, error: OSError) -> errors.FileTrouble:
        place = self._look_for_place(path) or ""
        shown = interface.printable(f"{self._places[place]}/{path[len(place) :].strip('/')}".rstrip("/"))
        return errors.FileTrouble(
            f"{shown} cannot be created: {error.strerror}",
            hint="Check the disk's space and its mount options. What was created so far can be removed.",
        )


def _new_folder(parent: int | None, name: str) -> int:
    os.mkdir(name, 0o700, dir_fd=parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def _write(descriptor: int, start: int, part: memoryview) -> None:
    while part:
        count = os.pwrite(descriptor, part, start)
        part, start = part[count:], start + count


def _is_in(path: str, above: str) -> bool:
    return not above or path == above or path.startswith(f"{above}/")
