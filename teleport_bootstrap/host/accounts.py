"""Users and groups by name, as the system under the root knows them."""

from __future__ import annotations

import grp
import os
import pwd

from teleport_bootstrap import errors, paths
from teleport_bootstrap.host import regular_file


def ids(root: paths.Root, owner: str, group: str) -> tuple[int, int]:
    """Return uid and gid of `owner` and `group`; -1 for both where ownership cannot be changed at all.

    That is the case for an ordinary user, for example in a scratch directory, and under a root directory without
    /etc/passwd. Raises AccountMissing where the system lacks the account.
    """
    names = Names(root)
    if os.geteuid() != 0 or not names.exist:
        return -1, -1
    return _required(names.uid(owner), "user", owner), _required(names.gid(group), "group", group)


def _required(number: int | None, kind: str, name: str) -> int:
    if number is None:
        raise errors.AccountMissing(
            f"this system has no {kind} {name}, which must own the files that Teleport reads",
            hint=f"Install the teleport-bootstrap package, which creates it, or run `useradd --system {name}`.",
        )
    return number


class Names:
    """Names and numbers of accounts, as the system under the root knows them; each is looked up once."""

    def __init__(self, root: paths.Root) -> None:
        self._root = root
        self._found: dict[tuple[str, str | int], str | int | None] = {}

    @property
    def exist(self) -> bool:
        """Whether there is a system under the root, with accounts that can be looked up."""
        return self._root.is_live or os.path.exists(self._root.path("/etc/passwd"))

    def user(self, uid: int) -> str:
        """Return the name of the user with this number, "" where there is none."""
        return str(self._look("passwd", uid) or "")

    def group(self, gid: int) -> str:
        """Return the name of the group with this number, "" where there is none."""
        return str(self._look("group", gid) or "")

    def uid(self, name: str) -> int | None:
        """Return the number of the user with this name, None where there is none."""
        found = self._look("passwd", name)
        return found if isinstance(found, int) else None

    def gid(self, name: str) -> int | None:
        """Return the number of the group with this name, None where there is none."""
        found = self._look("group", name)
        return found if isinstance(found, int) else None

    def _look(self, database: str, key: str | int) -> str | int | None:
        if (database, key) not in self._found:
            self._found[database, key] = self._find(database, key)
        return self._found[database, key]

    def _find(self, database: str, key: str | int) -> str | int | None:
        if self._root.is_live:
            try:
                if database == "passwd":
                    return pwd.getpwuid(key).pw_name if isinstance(key, int) else pwd.getpwnam(key).pw_uid
                return grp.getgrgid(key).gr_name if isinstance(key, int) else grp.getgrnam(key).gr_gid
            except (KeyError, ValueError, OverflowError):
                return None
        path = self._root.path(f"/etc/{database}")
        try:
            # Some images have a link here.
            lines = regular_file.read(path, follow_links=True).decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            lines = []
        except OSError as error:
            raise errors.FileTrouble(f"{path} cannot be read: {error.strerror}", hint="Check the file.") from None
        rows = (line.split(":") for line in lines)
        rows = (row for row in rows if len(row) > 2 and row[2].isascii() and row[2].isdigit())
        pairs = ((row[0], int(row[2])) for row in rows)
        return next((name if isinstance(key, int) else number for name, number in pairs if key in (name, number)), None)
