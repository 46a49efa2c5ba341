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

_ACCESS_LIST = "system.posix_acl_access"
_DEFAULT_LIST = "system.posix_acl_default"

# Errors of a file system without attributes, or of a kernel without SELinux.
_DECLINED = (errno.ENOTSUP, errno.EPERM, errno.EINVAL, errno.ENODATA)

_MOST_KNOWN = 1000

Note = Callable[[str, str], None]


def is_archived(name: str) -> bool:
    return name.startswith(_ARCHIVED)


def link_path(parent: int, name: str) -> str:
    """Return a path to `name` in the open directory `parent`: calls for attributes take no directory."""
    return f"/proc/self/fd/{parent}/{name}"


def read(target: int | str) -> dict[str, bytes]:
    """Return the attributes of an open file, or of the symbolic link at a path itself. Raises OSError."""
    follow = isinstance(target, int)
    try:
        names = os.listxattr(target, follow_symlinks=follow)
        return {each: os.getxattr(target, each, follow_symlinks=follow) for each in names if is_archived(each)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENODATA):
            return {}
        raise


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
    """Sets the metadata of files. `note` is called for what could not be set."""

    def __init__(self, names: accounts.Names, note: Note) -> None:
        self._names = names
        self._note = note
        # Only root may change owners; an ordinary user tries things out in a scratch directory.
        self._can_change_owners = os.geteuid() == 0
        self._warned: set[str] = set()
        # Users and groups by their names; nearly all files have the same.
        self._known: dict[tuple[str, str], tuple[int, int]] = {}

    def settle(self, target: int | str, entry: Entry, extended: Mapping[str, bytes], *, with_time: bool = True) -> None:
        """Set all metadata of an open file or directory, or of the symbolic link at a path. Raises OSError.

        Not its time where that is set later in any case.
        """
        mode = entry.mode
        follow = isinstance(target, int)
        if self._can_change_owners:
            uid, gid, are_known = self._ids(entry)
            os.chown(target, uid, gid, follow_symlinks=follow)
            if not are_known and mode & (stat.S_ISUID | stat.S_ISGID) and entry.kind == "file":
                self._note(entry.path, "lost its set-user-id and set-group-id bits: its owner is unknown here")
                mode &= ~(stat.S_ISUID | stat.S_ISGID)
        # After the owner, whose change takes capabilities away.
        for name, value in extended.items():
            if name in (_ACCESS_LIST, _DEFAULT_LIST):
                granted = _entries(value)
                if _NAMED_USER in granted or _NAMED_GROUP in granted:
                    self._note(entry.path, "has an access control list that names accounts by number; it was not set")
                    if name == _ACCESS_LIST:
                        # What it grants the group itself; the group bits of the mode are only an upper limit.
                        mode = mode & ~0o070 | (granted.get(_GROUP, 0) & granted.get(_MASK, 0o7) & 0o7) << 3
                    continue
            try:
                os.setxattr(target, name, value, follow_symlinks=follow)
            except OSError as error:
                if error.errno not in _DECLINED:
                    raise
                self._warn(entry.path, f"the attribute {name} cannot be set here: {error.strerror}")
        if isinstance(target, int):
            # After the owner, whose change takes set-user-id away too, and the list, which changes the mode.
            os.fchmod(target, mode)
        if with_time:
            os.utime(target, ns=(entry.mtime, entry.mtime), follow_symlinks=follow)

    def _ids(self, entry: Entry) -> tuple[int, int, bool]:
        """Return user and group on this host, and whether both names of the archive exist here."""
        if (entry.owner, entry.group) in self._known:
            return (*self._known[entry.owner, entry.group], True)
        uid, gid = self._names.uid(entry.owner), self._names.gid(entry.group)
        for kind, name, number, found in (
            ("user", entry.owner, entry.uid, uid),
            ("group", entry.group, entry.gid, gid),
        ):
            if found is None and self._names.exist:
                self._warn(entry.path, f"{kind} {name or number} is unknown here; files get number {number} instead")
        are_known = uid is not None and gid is not None
        if uid is not None and gid is not None and len(self._known) < _MOST_KNOWN:
            self._known[entry.owner, entry.group] = uid, gid
        return entry.uid if uid is None else uid, entry.gid if gid is None else gid, are_known

    def _warn(self, path: str, text: str) -> None:
        """Note once what applies to many files."""
        if text not in self._warned and len(self._warned) < 1000:
            self._warned.add(text)
            self._note(path, text)


# A list is a version and then triples of kind, permissions and number (acl(5), linux/posix_acl_xattr.h).
_ENTRY = struct.Struct("<HHI")
_NAMED_USER, _GROUP, _NAMED_GROUP, _MASK = 0x02, 0x04, 0x08, 0x10


def _entries(value: bytes) -> dict[int, int]:
    """Return the permissions in an access control list by kind."""
    triples = value[4 : len(value) - (len(value) - 4) % _ENTRY.size] if len(value) > 4 else b""
    return {kind: bits for kind, bits, _ in _ENTRY.iter_unpack(triples)}
