"""The metadata of files: which attributes are archived, and how owners, modes, attributes and times are set."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
from collections.abc import Callable, Mapping

from teleport_bootstrap.archive.interface import Entry
from teleport_bootstrap.host import accounts

# Others mean nothing on another machine: IMA and EVM sign with a machine's own key.
_ARCHIVED = ("user.", "trusted.", "security.capability", "security.selinux", "system.posix_acl_")

# The kernel's links to open files: the only way to attributes of a symbolic link in an open directory.
_OPEN_FILES = "/proc/self/fd"

# For directories that are not in the archive themselves, above a file that is.
_IMPLIED_MODE = 0o755

_ACCESS_LIST = "system.posix_acl_access"
_DEFAULT_LIST = "system.posix_acl_default"

# Errors of a file system without attributes, or of a kernel without SELinux.
_DECLINED = (errno.ENOTSUP, errno.EPERM, errno.EINVAL, errno.ENODATA)

Note = Callable[[str, str], None]


def is_archived(name: str) -> bool:
    """Return whether an attribute of this name belongs in an archive."""
    return name.startswith(_ARCHIVED)


def of_descriptor(descriptor: int) -> dict[str, bytes]:
    """Return the attributes of an open file. Raises OSError."""
    try:
        names = os.listxattr(descriptor)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise
    return {name: os.getxattr(descriptor, name) for name in names if is_archived(name)} if names else {}


def of_link(parent: int, name: str) -> dict[str, bytes]:
    """Return the attributes of the symbolic link `name` itself, in the open directory `parent`. Raises OSError."""
    path = f"{_OPEN_FILES}/{parent}/{name}"
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return {each: os.getxattr(path, each, follow_symlinks=False) for each in names if is_archived(each)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENODATA):
            return {}
        raise


def set_on_link(parent: int, name: str, attribute: str, value: bytes) -> None:
    """Set an attribute of the symbolic link `name` itself. Raises OSError."""
    os.setxattr(f"{_OPEN_FILES}/{parent}/{name}", attribute, value, follow_symlinks=False)


def digest(attributes: Mapping[str, bytes]) -> str:
    """Return one SHA-256 over all of them, in hexadecimal; "" for none."""
    if not attributes:
        return ""
    whole = hashlib.sha256()
    for name in sorted(attributes):
        whole.update(b"%d %b=%d " % (len(os.fsencode(name)), os.fsencode(name), len(attributes[name])))
        whole.update(attributes[name])
    return whole.hexdigest()


class Owners:
    """Sets the metadata of files. Methods raise OSError; `note` is called for what could not be set."""

    def __init__(self, names: accounts.Names, note: Note) -> None:
        self._names = names
        self._note = note
        # Only root may change owners; an ordinary user tries things out in a scratch directory.
        self._can_change_owners = os.geteuid() == 0
        self._warned: set[str] = set()

    def settle(self, descriptor: int, entry: Entry | None, extended: Mapping[str, bytes] | None) -> None:
        """Set all metadata of an open file or directory; only the mode for a directory without an entry."""
        if entry is None:
            os.fchmod(descriptor, _IMPLIED_MODE)
            return
        mode = entry.mode
        if self._can_change_owners:
            uid, gid, are_known = self._ids(entry)
            os.fchown(descriptor, uid, gid)
            if not are_known and mode & (stat.S_ISUID | stat.S_ISGID) and entry.kind != "directory":
                self._note(entry.path, "lost its set-user-id and set-group-id bits: its owner is unknown here")
                mode &= ~(stat.S_ISUID | stat.S_ISGID)
        # After the owner, whose change takes capabilities away.
        for name, value in (extended or {}).items():
            if name in (_ACCESS_LIST, _DEFAULT_LIST) and _names_accounts(value):
                self._note(entry.path, "has an access control list that names accounts by number; it was not set")
                if name == _ACCESS_LIST:
                    mode = mode & ~0o070 | _group_bits(value) << 3
                continue
            try:
                os.setxattr(descriptor, name, value)
            except OSError as error:
                self._declined(entry, name, error)
        # After the owner, whose change takes set-user-id away too, and the list, which changes the mode.
        os.fchmod(descriptor, mode)
        os.utime(descriptor, ns=(entry.mtime, entry.mtime))

    def settle_link(self, parent: int, name: str, entry: Entry, extended: Mapping[str, bytes]) -> None:
        """Set owner, attributes and times of the symbolic link `name` in the open directory `parent`."""
        if self._can_change_owners:
            uid, gid, _ = self._ids(entry)
            os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        for attribute, value in extended.items():
            try:
                set_on_link(parent, name, attribute, value)
            except OSError as error:
                self._declined(entry, attribute, error)
        os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)

    def _ids(self, entry: Entry) -> tuple[int, int, bool]:
        """Return user and group on this host, and whether both names of the archive exist here."""
        uid, gid = self._names.uid(entry.owner), self._names.gid(entry.group)
        for kind, name, number, found in (
            ("user", entry.owner, entry.uid, uid),
            ("group", entry.group, entry.gid, gid),
        ):
            if found is None and self._names.exist:
                self._warn(entry.path, f"{kind} {name or number} is unknown here; files get number {number} instead")
        return (
            entry.uid if uid is None else uid,
            entry.gid if gid is None else gid,
            uid is not None and gid is not None,
        )

    def _declined(self, entry: Entry, name: str, error: OSError) -> None:
        if error.errno not in _DECLINED:
            raise error
        self._warn(entry.path, f"the attribute {name} cannot be set here: {error.strerror}")

    def _warn(self, path: str, text: str) -> None:
        """Note once what applies to many files."""
        if text not in self._warned and len(self._warned) < 1000:
            self._warned.add(text)
            self._note(path, text)


# A list is a version and then triples of kind, permissions and number (acl(5), linux/posix_acl_xattr.h).
_ENTRY = struct.Struct("<HHI")
_NAMED_USER, _GROUP, _NAMED_GROUP, _MASK = 0x02, 0x04, 0x08, 0x10


def _entries(value: bytes) -> list[tuple[int, int, int]]:
    whole = (len(value) - 4) // _ENTRY.size * _ENTRY.size
    return [(tag, bits, number) for tag, bits, number in _ENTRY.iter_unpack(value[4 : 4 + max(whole, 0)])]


def _names_accounts(value: bytes) -> bool:
    return any(tag in (_NAMED_USER, _NAMED_GROUP) for tag, _, _ in _entries(value))


def _group_bits(value: bytes) -> int:
    """Return what a list grants the group itself; the group bits of the mode are only an upper limit."""
    granted = {tag: bits for tag, bits, _ in _entries(value)}
    return granted.get(_GROUP, 0) & granted.get(_MASK, 0o7) & 0o7
