"""What people have made in the data directory of this host: what a first boot makes by itself does not count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from teleport_bootstrap import errors, escaping, paths
from teleport_bootstrap.change import exchange
from teleport_bootstrap.restore import existing_child

SECONDS = 90.0
MOST_NAMED = 5

# What Teleport and this agent make in the data directory without anybody's doing.
_BY_ITSELF = frozenset(
    (
        *("host_uuid", "proc", "backend", "log", "cache", "tmp", "bpf", "debug.sock", "versions", "update.yaml"),
        *("token", "ca-pin-hash", "license.pem", "fullchain.pem", "privkey.pem", "cert.pem", "chain.pem"),
    )
)
_BACKEND = ("sqlite.db", "sqlite.db-wal", "sqlite.db-shm", "sqlite.db-journal")

# Roles that Teleport makes at a first start; there are more with each version, and a person's may have such a name too.
_PRESET_ROLES = frozenset(
    (
        *("access", "editor", "auditor", "reviewer", "requester", "group-access", "device-admin", "device-enroll"),
        *("require-trusted-device", "okta-requester", "system-automatic-access-approver", "terraform-provider"),
        *("wildcard-workload-identity-issuer", "list-access-request-resources", "mcp-user", "access-plugin"),
        *("@teleport-access-approval-bot", "connect-my-computer"),
    )
)


def made_by_people(root: paths.Root) -> tuple[str, ...]:
    """Return a line for each kind of thing in the data directory that a first boot does not make; changes nothing.

    Databases are read by a child that runs as the owner of the directory. What cannot be read counts as somebody's.
    """
    try:
        data = os.open(root.path(paths.DATA), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (f"{root.path(paths.DATA)} cannot be looked into ({error.strerror})",)
    try:
        return tuple(_found(root, data))
    finally:
        os.close(data)


def _found(root: paths.Root, data: int) -> Iterator[str]:
    shown = root.path(paths.DATA)
    names = [
        name
        for name in sorted(os.listdir(data))
        if name not in exchange.VOLUMES_OWN and not name.startswith((exchange.INSIDE, ".teleport-bootstrap-"))
    ]
    unknown = [name for name in names if name not in _BY_ITSELF and not name.endswith((".pid", ".sock"))]
    if unknown:
        yield f"{shown} holds {_some(unknown)}, which no first boot makes"
    if "backend" in names:
        yield from _backend(root, data)
    if "log" in names:
        recordings = _recordings(data)
        if recordings:
            yield f"{recordings} session recordings in {shown}/log"


def _backend(root: paths.Root, data: int) -> Iterator[str]:
    shown = root.path(f"{paths.DATA}/backend")
    try:
        directory = os.open("backend", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=data)
    except OSError as error:
        yield f"{shown} cannot be looked into ({error.strerror})"
        return
    try:
        names = os.listdir(directory)
    finally:
        os.close(directory)
    others = sorted(name for name in names if name not in _BACKEND)
    if others:
        yield f"{shown} holds {_some(others)}"
    if "sqlite.db" not in names:
        return
    keys, trouble = _keys(data, "backend/sqlite.db")
    if trouble:
        yield f"the database {shown}/sqlite.db, which cannot be read ({trouble})"
    users, connectors, roles, rest = sorted_out(keys)
    for what, found in (("users", users), ("connectors", connectors), ("roles", roles), ("resources", rest)):
        if found:
            yield f"{what} {_some(found)} in {shown}/sqlite.db"


def sorted_out(keys: list[str]) -> tuple[list[str], list[str], list[str], list[str]]:
    """Return the users, connectors, roles and other things among `keys` that a person has made, by their names."""
    users: dict[str, None] = {}
    connectors: dict[str, None] = {}
    roles: dict[str, None] = {}
    rest: dict[str, None] = {}
    for key in keys:
        parts = key.strip("/").split("/")
        if key.startswith("/web/users/") and len(parts) > 2:
            # Teleport's own begin with @.
            users.update({} if parts[2].startswith("@") else {parts[2]: None})
        elif key.startswith("/web/connectors/"):
            connectors.update({"/".join(parts[2:]): None})
        elif key.startswith("/roles/") and len(parts) > 1:
            roles.update({} if parts[1] in _PRESET_ROLES else {parts[1]: None})
        else:
            rest.update({key: None})
    return list(users), list(connectors), list(roles), list(rest)


def _some(names: list[str]) -> str:
    shown = [escaping.one_line(name) for name in names[:MOST_NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _recordings(data: int) -> int:
    """Return how many files below `log` are sessions, finished or under way; audit events alone do not count."""
    count = 0
    for _, _, files, _ in os.fwalk("log", dir_fd=data, follow_symlinks=False):
        count += sum(name.endswith((".tar", ".part", ".chunks.gz", ".events.gz")) for name in files)
    return count


def _keys(data: int, path: str) -> tuple[list[str], str]:
    """Return the keys of a database that may be a person's doing, or why they cannot be had."""
    owner = os.fstat(data)
    arguments = [str(data), str(owner.st_uid), str(owner.st_gid), path]
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", existing_child.__file__, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=SECONDS,
            pass_fds=(data,),
            env={"LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        return [], f"no end after {SECONDS:.0f} s"
    except OSError as error:
        raise errors.FileTrouble(
            f"{sys.executable} cannot be started: {error.strerror}", hint="Look at the memory."
        ) from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[-1][:200] if said else f"status {done.returncode}"
        return [], escaping.one_line(reason)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return [], "the answer makes no sense"
    return [str(each) for each in found], ""
