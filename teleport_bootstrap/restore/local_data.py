"""Finds data in the data directory of this host that Teleport's first boot does not create."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator

from teleport_bootstrap import errors, escaping, json_data, paths, regex
from teleport_bootstrap.change import directory_swap
from teleport_bootstrap.host import process, scratch, tree
from teleport_bootstrap.restore import local_data_child

SECONDS = 90.0
# The child prints at most a million characters, each of which JSON may write as twelve.
MOST_BYTES = 13 * 1024 * 1024
# Errors that say something about a file, and not about the disk or this machine.
_OF_THE_FILE = (errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENOENT, errno.EAGAIN, errno.EISDIR)
MOST_NAMED = 5
LONGEST_SHOWN = 100

# What Teleport and this agent create in the data directory at a first boot; docs/teleport-behaviour.md says which role
# creates what.
_CREATED_AT_BOOT = frozenset(
    (
        *("host_uuid", "proc", "backend", "log", "cache", "tmp", "bpf", "debug.sock", "versions", "update.yaml"),
        # A proxy without a certificate of its own makes one, or lets ACME obtain one.
        *("webproxy_cert.pem", "webproxy_key.pem", "acme"),
        # The database service downloads the authorities of what AWS hosts; see _RDS_AUTHORITIES too.
        *("amazon-trust-ca-bundle.crt", "AmazonRootCA1.pem", "sf-class2-root.crt"),
        *("token", "ca-pin-hash", "license.pem", "fullchain.pem", "privkey.pem", "cert.pem", "chain.pem"),
    )
)
# One file for each region of RDS.
_RDS_AUTHORITIES = regex.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]+-bundle\.pem", re.ASCII)
# Newer versions note beside such a file which one it is.
_VERSION = ".version"
_RECORDINGS = (".tar", ".part", ".chunks.gz", ".events.gz")
_BACKEND = ("sqlite.db", "sqlite.db-wal", "sqlite.db-shm", "sqlite.db-journal")

# Roles that Teleport creates at its first start; each version adds some.
_PRESET_ROLES = frozenset(
    (
        *("access", "editor", "auditor", "reviewer", "requester", "group-access", "device-admin", "device-enroll"),
        *("require-trusted-device", "okta-requester", "system-automatic-access-approver", "terraform-provider"),
        *("wildcard-workload-identity-issuer", "list-access-request-resources", "mcp-user", "access-plugin"),
        *("@teleport-access-approval-bot", "connect-my-computer"),
    )
)


def describe(root: paths.Root) -> tuple[str, ...]:
    """Return a line for each kind of data that a first boot does not create; changes nothing.

    Databases are read by a child process that runs as the owner of the directory. What cannot be read because of what
    it is, such as a link, counts as data. Raises FileTrouble where the disk or this machine fails.
    """
    shown = root.path(paths.DATA)
    try:
        data = os.open(shown, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (unreadable(shown, error),)
    try:
        return tuple(_kinds_of_data(root, data))
    except OSError as error:
        raise _failure(shown, error) from None
    finally:
        os.close(data)


def unreadable(shown: str, error: OSError) -> str:
    """Return that `shown` cannot be read, which counts as data. Raises FileTrouble where that says nothing about it."""
    if error.errno in _OF_THE_FILE:
        return f"{shown} cannot be read ({error.strerror})"
    raise _failure(shown, error) from None


def _failure(shown: str, error: OSError) -> errors.FileTrouble:
    return errors.FileTrouble(
        f"{shown} cannot be read, so it is not known whether it holds data: {error.strerror}",
        hint="Check the disk (`journalctl -k`) and the free memory, then try again.",
    )


def _kinds_of_data(root: paths.Root, data: int) -> Iterator[str]:
    shown = root.path(paths.DATA)
    names = [
        name
        for name in sorted(os.listdir(data))
        # Hidden ones of this agent, those of an earlier restore included, are not Teleport's.
        if name not in directory_swap.VOLUMES_OWN and not name.startswith(".teleport-bootstrap-")
    ]
    unknown = [name for name in names if not _is_created_at_boot(name)]
    if unknown:
        yield f"{shown} holds {_some(unknown)}, which a first boot does not create"
    if "backend" in names:
        yield from _backend(root, data)
    if "log" in names:
        try:
            recordings = _recordings(data)
        except OSError as error:
            yield unreadable(f"{shown}/log", error)
            return
        if recordings:
            yield f"{recordings} session recordings in {shown}/log"


def _recordings(data: int) -> int:
    """Return how many recordings there are in `log`, finished or not; audit events alone do not count."""
    try:
        log = os.open("log", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=data)
    except NotADirectoryError:
        return 0
    try:
        found = tree.walk(log)
        return sum(each.name.endswith(_RECORDINGS) and not stat.S_ISDIR(each.facts.st_mode) for each in found)
    finally:
        os.close(log)


def _is_created_at_boot(name: str) -> bool:
    if name.endswith((".pid", ".sock")):
        return True
    downloaded = name[: -len(_VERSION)] if name.endswith(_VERSION) else name
    return downloaded in _CREATED_AT_BOOT or _RDS_AUTHORITIES.fullmatch(downloaded) is not None


def _backend(root: paths.Root, data: int) -> Iterator[str]:
    shown = root.path(f"{paths.DATA}/backend")
    try:
        directory = os.open("backend", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=data)
    except OSError as error:
        yield unreadable(shown, error)
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
    for kind, found in user_resources(keys).items():
        if found:
            yield f"{kind} {_some(found)} in {shown}/sqlite.db"


def user_resources(keys: list[str]) -> dict[str, list[str]]:
    """Return the names of the users, connectors, roles and other resources in `keys` that Teleport did not create."""
    found: dict[str, dict[str, None]] = {"users": {}, "connectors": {}, "roles": {}, "resources": {}}
    for key in keys:
        parts = key.strip("/").split("/")
        if key.startswith("/web/users/") and len(parts) > 2:
            kind, name = "users", parts[2]
        elif key.startswith("/web/connectors/"):
            kind, name = "connectors", "/".join(parts[2:])
        elif key.startswith("/roles/") and len(parts) > 1:
            kind, name = "roles", parts[1]
        else:
            kind, name = "resources", key
        if not (kind == "users" and name.startswith("@")) and not (kind == "roles" and name in _PRESET_ROLES):
            found[kind][name] = None
    return {kind: list(names) for kind, names in found.items()}


def _some(names: list[str]) -> str:
    shown = [escaping.one_line(name, LONGEST_SHOWN) for name in names[:MOST_NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _keys(data: int, path: str) -> tuple[list[str], str]:
    """Return the keys of a database that people may have created, or why they cannot be read."""
    owner = os.fstat(data)
    # The child may need to copy the database, and cannot remove the copy when it is killed.
    with scratch.directory("keys", uid=owner.st_uid, gid=owner.st_gid) as copies:
        arguments = [str(data), str(owner.st_uid), str(owner.st_gid), path, copies]
        done = process.run(
            [sys.executable, "-I", "-S", "-B", local_data_child.__file__, *arguments],
            most_bytes=MOST_BYTES,
            timeout_seconds=SECONDS,
            environ={},
            pass_fds=(data,),
        )
    if done.status == process.NOT_RUN:
        raise errors.FileTrouble(f"{sys.executable} cannot be started: {done.errors}", hint="Check the free memory.")
    if done.status == process.TOO_LONG:
        return [], f"not finished after {SECONDS:.0f} s"
    if done.status == process.TOO_MUCH:
        return [], "it holds too many names, or too long ones"
    if not done.ok:
        said = done.errors.strip().splitlines()
        return [], escaping.one_line(said[-1][:200] if said else f"status {done.status}")
    try:
        found = json_data.parsed(done.output)
    except ValueError:
        found = None
    if not isinstance(found, list):
        return [], "the output of the child process is invalid"
    return [str(each) for each in found], ""
