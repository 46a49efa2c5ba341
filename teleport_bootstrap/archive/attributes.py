"""Extended attributes: which of them are archived, and how they are read, compared and set."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping

# Others mean nothing on another machine: IMA and EVM sign with a machine's own key.
_ARCHIVED = ("user.", "trusted.", "security.capability", "security.selinux", "system.posix_acl_")

# The kernel's links to open files: the only way to attributes of a symbolic link in an open directory.
_OPEN_FILES = "/proc/self/fd"


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
