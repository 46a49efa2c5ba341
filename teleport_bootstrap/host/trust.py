"""Reads files that decide what root does, only where no other account could have written them.

An account that can write to /etc/teleport.d becomes root at the next generate. Therefore the directory and each file
that is read from it must belong to root and be writable by root only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from teleport_bootstrap import errors, paths
from teleport_bootstrap.host import accounts, regular_file

# A larger conf or override file is a mistake, and is not read into memory.
LARGEST = regular_file.LIMIT


def read(root: paths.Root, path: str) -> bytes | None:
    """Return the content of `path`, a file that decides what root does; None where it is missing.

    Raises UntrustedPath where the directory or the file belongs to another account, is writable by others or is a
    symbolic link, FileTrouble where it cannot be read.
    """
    directory, name = os.path.split(path)
    with opened(root, directory) as descriptor:
        return None if descriptor is None else _read_in(root, descriptor, directory, name)


def names(root: paths.Root, directory: str) -> list[str]:
    """Return the names in `directory` in lexical order, none where it is missing; raises as `read` does."""
    with opened(root, directory) as descriptor:
        return [] if descriptor is None else sorted(os.listdir(descriptor))


def make_private(root: paths.Root, path: str, *, keep_group: bool = False) -> None:
    """Set mode 0600 on `path`, which `read` has read; raises as `read` does.

    With `keep_group`, a group other than root's that may read the file still may: Teleport's own, for teleport.yaml.
    A link is not followed, and a file with a second name is left alone.
    """
    directory, name = os.path.split(path)
    with opened(root, directory) as descriptor:
        if descriptor is None:
            return
        try:
            file = regular_file.opened(name, directory=descriptor)
            try:
                _tighten(file, keep_group=keep_group)
            finally:
                os.close(file)
        except OSError as error:
            raise errors.FileTrouble(
                f"{root.path(path)} holds a secret, and its mode cannot be changed to 0600: {error.strerror}",
                hint=f"Run `chmod 0600 {root.path(path)}`.",
            ) from None


def _tighten(file: int, *, keep_group: bool) -> None:
    facts = os.fstat(file)
    group = facts.st_mode & stat.S_IRGRP if keep_group and facts.st_gid not in (0, os.getegid()) else 0
    if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1 and stat.S_IMODE(facts.st_mode) != 0o600 | group:
        os.fchmod(file, 0o600 | group)


def let_read(root: paths.Root, path: str, group: str) -> bool:
    """Let `group` read `path`, a file in a directory that only root can write to; return whether that was needed.

    Its content and its owner are unchanged. Raises FileTrouble and AccountMissing.
    """
    _, gid = accounts.ids(root, "root", group)
    target = root.path(path)
    try:
        facts = os.stat(target)
        if gid == -1 or facts.st_mode & stat.S_IROTH or (facts.st_gid == gid and facts.st_mode & stat.S_IRGRP):
            return False
        os.chown(target, -1, gid)
        os.chmod(target, stat.S_IMODE(facts.st_mode) | stat.S_IRGRP)
    except OSError as error:
        raise errors.FileTrouble(
            f"{target} cannot be made readable for group {group}: {error.strerror}",
            hint=f"Run `chgrp {group} {target} && chmod g+r {target}`.",
        ) from None
    return True


@contextlib.contextmanager
def opened(root: paths.Root, directory: str) -> Iterator[int | None]:
    """Give the body a descriptor of `directory`, None where it is missing; raises as `read` does."""
    try:
        descriptor = os.open(root.path(directory), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        descriptor = None
    except OSError as error:
        raise _trouble(root, directory, error) from None
    try:
        if descriptor is not None:
            _check(root, directory, os.fstat(descriptor))
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _trouble(root: paths.Root, path: str, error: OSError) -> errors.BootstrapError:
    shown = root.path(path)
    if error.errno in (errno.ELOOP, errno.ENOTDIR) and os.path.islink(shown):
        return errors.UntrustedPath(
            f"{shown} is a symbolic link, whose target may be changed by others",
            hint="Replace it by the directory or file itself.",
        )
    remedy = error.remedy if isinstance(error, regular_file.Unusable) else "Run as root, or check the file."
    return errors.FileTrouble(f"{shown} cannot be read: {error.strerror}", hint=remedy)


def _read_in(root: paths.Root, directory: int, directory_path: str, name: str) -> bytes | None:
    path = f"{directory_path}/{name}"
    try:
        descriptor = regular_file.opened(name, directory=directory)
        try:
            _check(root, path, os.fstat(descriptor))
            return regular_file.content(descriptor, limit=LARGEST)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _trouble(root, path, error) from None


def _check(root: paths.Root, path: str, facts: os.stat_result) -> None:
    shown = root.path(path)
    # On an instance this is root; a scratch directory may also belong to the current user.
    if facts.st_uid not in (0, os.geteuid()):
        raise errors.UntrustedPath(
            f"{shown} belongs to user {facts.st_uid}, who could therefore decide what root does here",
            hint=f"Find out what changed it, then run `chown root:root {shown}`.",
        )
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise errors.UntrustedPath(
            f"{shown} is writable by others than root (mode {stat.S_IMODE(facts.st_mode):04o}), "
            "who could therefore decide what root does here",
            hint=f"Find out what changed it, then run `chown root:root {shown} && chmod go-w {shown}`.",
        )
