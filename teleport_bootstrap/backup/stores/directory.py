"""Archives as files in a directory that only root can write to."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import secrets
import stat
from collections.abc import Iterator

from teleport_bootstrap import errors, json_data, paths
from teleport_bootstrap.backup.stores import names
from teleport_bootstrap.backup.stores.store import Stored
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import directory as directories
from teleport_bootstrap.host import regular_file, termination, trust

# Unfinished files are named `.<name>.<random>` and this.
PARTIAL = ".teleport-bootstrap-partial"

_NOTE_LIMIT = 64 * 1024
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class DirectoryStore:
    """The archives in the directory `path`, absolute on this machine. Writing creates it, with mode 0700.

    A directory that other accounts can write to is refused for everything but reading one archive: they could replace
    an archive, or forge a note that it is verified.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def place(self) -> str:
        """The path."""
        return self.path

    def require_writable(self, name: str | None) -> None:
        """Raise FileTrouble where no archive can be written here, and BackupExists where there is one called `name`."""
        self._make()
        with self.trouble(""):
            disk = os.statvfs(self.path)
            if disk.f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            if disk.f_bavail == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        with self._opened() as directory:
            if name is not None:
                self._refuse_existing(directory, name)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[FileSink]:
        """As Store.writing; the file has a temporary name until it is complete."""
        self._make()
        with self._opened() as directory, termination.as_exception():
            self._refuse_existing(directory, name)
            with self._new_file(directory, name) as sink:
                yield sink
                sink.finish()
                self._refuse_existing(directory, name)

    @contextlib.contextmanager
    def _new_file(self, directory: int, name: str) -> Iterator[FileSink]:
        """Give an unfinished file, which gets the name `name` after the body and goes if that raises.

        Its lock keeps `sweep` of other processes away; the kernel releases it when this process ends.
        """
        partial = f".{name}.{secrets.token_hex(4)}{PARTIAL}"
        try:
            with self.trouble(name):
                descriptor = os.open(partial, _NEW, 0o600, dir_fd=directory)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield FileSink(self, name, descriptor)
            finally:
                os.close(descriptor)
            with self.trouble(name):
                os.rename(partial, name, src_dir_fd=directory, dst_dir_fd=directory)
                os.fsync(directory)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(partial, dir_fd=directory)
            raise

    def sources(self) -> tuple[Stored, ...]:
        """As Store.sources."""
        if not os.path.lexists(self.path):
            return ()
        found = []
        with self._opened() as directory:
            for name in sorted(self._names(directory)):
                facts = _facts(directory, name) if names.parse(name) else None
                if facts is not None:
                    marks = [each for each in names.NOTES if _note(directory, name + each) == _fingerprint(facts)]
                    is_incomplete = names.INCOMPLETE in marks
                    found.append(Stored(name, self._path(name), facts.st_size, bool(marks), is_incomplete))
        return tuple(found)

    def source(self, name: str) -> FileSource:
        """As Store.source."""
        source = FileSource(self._path(name))
        source.open().close()
        return source

    def mark_verified(self, name: str, *, incomplete: bool = False) -> None:
        """As Store.mark_verified. The note has the file's size and modification time, to belong to this file only."""
        with self._opened() as directory:
            facts = _facts(directory, name)
            if facts is None:
                raise _missing(self._path(name))
            ending = names.INCOMPLETE if incomplete else names.VERIFIED
            with self._new_file(directory, f"{name}{ending}") as sink:
                sink.write(names.note(_fingerprint(facts)))
                sink.finish()

    def mark_damaged(self, name: str) -> None:
        """As Store.mark_damaged."""
        with self._opened() as directory:
            for each in names.NOTES:
                self._unlink(directory, f"{name}{each}")

    def delete(self, name: str) -> None:
        """As Store.delete."""
        with self._opened() as directory:
            # The note first: a note without an archive would be left over.
            for each in names.NOTES:
                self._unlink(directory, f"{name}{each}")
            self._unlink(directory, name)

    def sweep(self, cluster: str, host: str) -> tuple[str, ...]:  # noqa: ARG002 - unfinished files of all hosts are useless
        """As Store.sweep. A lock protects what another process is still writing."""
        if not os.path.lexists(self.path):
            return ()
        with self._opened() as directory:
            return tuple(
                self._path(name)
                for name in sorted(self._names(directory))
                if (name.startswith(".") and name.endswith(PARTIAL) and self._remove_partial(directory, name))
                or (self._is_note_about_nothing(directory, name) and self._unlink(directory, name))
            )

    def _remove_partial(self, directory: int, name: str) -> bool:
        try:
            descriptor = regular_file.opened(name, directory=directory)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return self._unlink(directory, name)
        except OSError:
            return False
        finally:
            os.close(descriptor)

    def _is_note_about_nothing(self, directory: int, name: str) -> bool:
        about = next((name[: -len(each)] for each in names.NOTES if name.endswith(each)), "")
        return names.parse(about) is not None and _facts(directory, about) is None

    def _make(self) -> None:
        with self.trouble(""):
            directories.make(self.path, 0o700)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        with trust.opened(paths.Root(), self.path) as descriptor:
            if descriptor is None:
                raise _missing(self.path)
            yield descriptor

    def _names(self, directory: int) -> list[str]:
        try:
            return os.listdir(directory)
        except OSError as error:
            raise errors.FileTrouble(
                f"{self.path} cannot be read: {error.strerror}", hint="Check the disk: `dmesg`, `smartctl`."
            ) from None

    def _unlink(self, directory: int, name: str) -> bool:
        try:
            os.unlink(name, dir_fd=directory)
            os.fsync(directory)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise errors.FileTrouble(
                f"{self._path(name)} cannot be removed: {error.strerror}",
                hint="Check the mount options of the disk, and `lsattr`.",
            ) from None
        return True

    def _refuse_existing(self, directory: int, name: str) -> None:
        with self.trouble(name):
            try:
                os.stat(name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                return
        raise errors.BackupExists(f"{self._path(name)} already exists", hint="Remove it first, or choose another name.")

    @contextlib.contextmanager
    def trouble(self, name: str) -> Iterator[None]:
        """Raise FileTrouble where writing `name` fails in the body."""
        try:
            yield
        except OSError as error:
            hint = "Check the mount options of the disk, and the type of an existing file."
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                hint = "Make room there, send the backup elsewhere (s3://BUCKET/PREFIX), or keep fewer with --keep."
            raise errors.FileTrouble(f"{self._path(name)} cannot be written: {error.strerror}", hint=hint) from None

    def _path(self, name: str) -> str:
        return os.path.join(self.path, name) if name else self.path


class FileSink:
    """Writes to an unfinished file, without a buffer that could fail later."""

    def __init__(self, store: DirectoryStore, name: str, descriptor: int) -> None:
        self._store = store
        self._name = name
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        """Write all of `data`; raises FileTrouble."""
        left = memoryview(data)
        with self._store.trouble(self._name):
            while left:
                left = left[os.write(self._descriptor, left) :]

    def finish(self) -> None:
        """Bring it to the disk, and out of the page cache: verifying should read it from the disk."""
        with self._store.trouble(self._name):
            os.fsync(self._descriptor)
        with contextlib.suppress(OSError):
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


class FileSource:
    """An archive in the file `path`. Neither its content nor its directory is trusted."""

    def __init__(self, path: str) -> None:
        self._path = path
        # Facts that change when the file is replaced or written to: device, inode, size and time of change.
        self._identity: tuple[int, int, int, int] | None = None

    @property
    def name(self) -> str:
        """The path."""
        return self._path

    @property
    def size(self) -> int | None:
        """Its size in bytes, once it was opened."""
        return None if self._identity is None else self._identity[2]

    def open(self) -> io.FileIO:
        """Return its bytes. Raises BackupMissing, and FileTrouble also where it has changed since it was opened first.

        Links are followed: an operator may keep archives behind one.
        """
        try:
            descriptor = regular_file.opened(self._path, follow_links=True)
        except FileNotFoundError:
            raise _missing(self._path) from None
        except OSError as error:
            remedy = error.remedy if isinstance(error, regular_file.Unusable) else "Run as root, or check the file."
            raise errors.FileTrouble(f"{self._path} cannot be read: {error.strerror}", hint=remedy) from None
        try:
            self._check(os.fstat(descriptor))
            return io.FileIO(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise

    def _check(self, facts: os.stat_result) -> None:
        found = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if self._identity not in (None, found):
            raise errors.FileTrouble(
                f"{self._path} was changed while it was in use", hint="Try again when no other process writes to it."
            )
        self._identity = found


def _missing(path: str) -> errors.BackupMissing:
    return errors.BackupMissing(f"{path} does not exist", hint="`teleport-bootstrap backup list` shows what there is.")


def _facts(directory: int, name: str) -> os.stat_result | None:
    """Return the status of the regular file `name`, None for anything else."""
    try:
        facts = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return None
    return facts if stat.S_ISREG(facts.st_mode) else None


def _fingerprint(facts: os.stat_result) -> dict[str, Any]:
    return {"size": facts.st_size, "modified": facts.st_mtime_ns}


def _note(directory: int, name: str) -> dict[str, Any]:
    """Return the fingerprint in the note `name`, {} without a readable note."""
    try:
        note: Any = json_data.parsed(regular_file.read(name, directory=directory, limit=_NOTE_LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    return {key: note.get(key) for key in ("size", "modified")} if isinstance(note, dict) else {}
