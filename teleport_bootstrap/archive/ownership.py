"""Owners, modes, extended attributes and times of what is unpacked, as an archive has them and this host knows them."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable, Mapping
from typing import Optional

from teleport_bootstrap.archive import attributes
from teleport_bootstrap.archive.interface import Entry
from teleport_bootstrap.host import accounts

# Of directories that are not in the archive themselves, above something that is.
_IMPLIED_MODE = 0o755

_ACCESS_LIST = "system.posix_acl_access"
_DEFAULT_LIST = "system.posix_acl_default"

# What a file system without attributes, or a kernel without SELinux, says.
_DECLINED = (errno.ENOTSUP, errno.EPERM, errno.EINVAL, errno.ENODATA)

Note = Callable[[str, str], None]


class Owners:
    """Gives what was made the facts of its entry. Methods raise OSError; `note` is told what could not be given."""

    def __init__(self, names: accounts.Names, note: Note) -> None:
        self._names = names
        self._note = note
        # Nobody else may give files away; an ordinary user tries things out in a scratch directory.
        self._can_give = os.geteuid() == 0
        self._warned: set[str] = set()

    def settle(self, descriptor: int, entry: Optional[Entry], extended: Optional[Mapping[str, bytes]]) -> None:
        """Give an open file or directory all of it; of a directory that has no entry, the mode."""
        if entry is None:
            os.fchmod(descriptor, _IMPLIED_MODE)
            return
        mode = entry.mode
        if self._can_give:
            uid, gid, known = self._ids(entry)
            os.fchown(descriptor, uid, gid)
            if not known and mode & (stat.S_ISUID | stat.S_ISGID) and entry.kind != "directory":
                self._note(entry.path, "runs as its owner, who is not known here; it does not do so any more")
                mode &= ~(stat.S_ISUID | stat.S_ISGID)
        # After the owner, whose change takes capabilities away.
        for name, value in (extended or {}).items():
            if name in (_ACCESS_LIST, _DEFAULT_LIST) and _names_accounts(value):
                self._note(entry.path, "has an access control list that names accounts by number; it is not given")
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
        """Give the symbolic link `name` in the open directory `parent` its owner, attributes and times."""
        if self._can_give:
            uid, gid, _ = self._ids(entry)
            os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        for attribute, value in extended.items():
            try:
                attributes.give_link(parent, name, attribute, value)
            except OSError as error:
                self._declined(entry, attribute, error)
        os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)

    def _ids(self, entry: Entry) -> tuple[int, int, bool]:
        """Return user and group on this host, and whether both are known here by the names that the archive has."""
        uid, gid = self._names.uid(entry.owner), self._names.gid(entry.group)
        for kind, name, number, found in (
            ("user", entry.owner, entry.uid, uid),
            ("group", entry.group, entry.gid, gid),
        ):
            if found is None and self._names.known:
                self._warn(entry.path, f"{kind} {name or number} is not known here; files get number {number} instead")
        return (
            entry.uid if uid is None else uid,
            entry.gid if gid is None else gid,
            uid is not None and gid is not None,
        )

    def _declined(self, entry: Entry, name: str, error: OSError) -> None:
        if error.errno not in _DECLINED:
            raise error
        self._warn(entry.path, f"the attribute {name} cannot be given here: {error.strerror}")

    def _warn(self, path: str, text: str) -> None:
        """Note something that is so of many files, once."""
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
    """Return what a list gives the group itself, which the mode does not say: there stands what it gives at most."""
    given = {tag: bits for tag, bits, _ in _entries(value)}
    return given.get(_GROUP, 0) & given.get(_MASK, 0o7) & 0o7
