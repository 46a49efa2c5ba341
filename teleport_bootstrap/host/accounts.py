"""Users and groups by name, as the system under the root knows them."""

from __future__ import annotations

import grp
import os
import pwd

from teleport_bootstrap import errors
from teleport_bootstrap.host import root


def ids(where: root.Root, owner: str, group: str) -> tuple[int, int]:
    """Return uid and gid of `owner` and `group`; -1 for both where ownership cannot be given at all.

    That is so for an ordinary user, who can only try things out in a scratch directory, and under a root that is no
    system: one without /etc/passwd. Raises AccountMissing where the system lacks the account.
    """
    if os.geteuid() != 0 or not (where.is_live or os.path.exists(where.path("/etc/passwd"))):
        return -1, -1
    return _identifier(where, "passwd", owner, "user"), _identifier(where, "group", group, "group")


def _identifier(where: root.Root, database: str, name: str, kind: str) -> int:
    if where.is_live:
        try:
            return pwd.getpwnam(name).pw_uid if database == "passwd" else grp.getgrnam(name).gr_gid
        except KeyError:
            pass
    else:
        for line in _lines(where.path(f"/etc/{database}")):
            fields = line.split(":")
            if len(fields) > 2 and fields[0] == name and fields[2].isdigit():
                return int(fields[2])
    raise errors.AccountMissing(
        f"this system has no {kind} {name}, who has to own what Teleport reads",
        hint=f"Install the teleport-bootstrap package, which makes it, or run `useradd --system {name}`.",
    )


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []
