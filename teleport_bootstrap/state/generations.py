"""The last states that were applied to this machine: enough to show, compare and restore them.

A generation holds no secret: of those it names the file and where the content comes from.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from dataclasses import dataclass, replace
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.host import directory
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.state import state_file

KEEP = 10

_MANIFEST = "manifest.json"

# What is saved and not applied yet, and what is being removed: directories called .NUMBER.new and .NUMBER.old.
_STAGED = "new"
_REMOVED = "old"
_HIDDEN = re.compile(r"\.([0-9]+)\.(new|old)")


@dataclass(frozen=True)
class Generation(plan_model.Applicable):
    """One applied state. `made_at` is ISO 8601 in UTC; `conf` its assignments, with masks for secrets."""

    number: int
    made_at: str
    made_by: str
    reason: str
    agent_version: str
    teleport_version: str
    role: str
    conf: str
    conf_sha256: str
    document: dict[str, Any]
    teleport_yaml: plan_model.PlannedFile

    @property
    def teleport_yaml_sha256(self) -> str:
        """The digest of the file as it was written."""
        return digest(self.teleport_yaml.content.encode())

    @property
    def plain_http(self) -> bool:
        """Whether Teleport's web port spoke plain HTTP."""
        return "--insecure-no-tls" in self._flags

    @property
    def fips(self) -> bool:
        """Whether it was made for a FIPS build."""
        return "--fips" in self._flags

    @property
    def _flags(self) -> list[str]:
        return [word for each in self.files if each.path == paths.UNIT_ENVIRONMENT for word in _words(each.content)]


def _words(assignment: str) -> list[str]:
    return assignment.partition("=")[2].split()


def digest(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def says_the_same(one: Generation, other: Generation) -> bool:
    """Whether two generations describe the same state; when and by whom they were made does not matter."""

    def anonymous(each: Generation) -> Generation:
        return replace(each, number=0, made_at="", made_by="", reason="")

    return anonymous(one) == anonymous(other)


def numbers(root: paths.Root) -> list[int]:
    """Return the numbers of the generations that are kept, the oldest first."""
    try:
        names = os.listdir(root.path(paths.GENERATIONS))
    except OSError:
        return []
    return sorted(int(name) for name in names if name.isdigit())


def load(root: paths.Root, number: int) -> Generation:
    """Return generation `number`. Raises GenerationMissing where it is not kept, or cannot be read."""
    try:
        # A run that was killed just before it could publish what it had applied leaves it staged.
        found = _manifest(str(number)).read(root) or _manifest(f".{number}.{_STAGED}").read(root)
    except errors.FileTrouble as error:
        raise errors.GenerationMissing(
            f"generation {number} cannot be read: {error.message}",
            hint="`teleport-bootstrap history` lists the others.",
        ) from None
    if found is None:
        kept = ", ".join(str(each) for each in numbers(root)) or "none"
        raise errors.GenerationMissing(
            f"generation {number} does not exist; these do: {kept}", hint="`teleport-bootstrap history` lists them."
        )
    return found


def save(root: paths.Root, generation: Generation) -> None:
    """Write `generation` to the disk before it is applied; `publish` it afterwards. Raises FileTrouble."""
    parent = root.path(paths.GENERATIONS)
    staged = _staged(root, generation.number)
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        shutil.rmtree(staged, ignore_errors=True)
        os.mkdir(staged, mode=0o700)
        _write(f"{staged}/{_MANIFEST}", _manifest("").content(generation))
        _write(f"{staged}/teleport.yaml", generation.teleport_yaml.content.encode())
        directory.sync(staged)
        directory.sync(parent)
    except OSError as error:
        shutil.rmtree(staged, ignore_errors=True)
        raise errors.FileTrouble(
            f"generation {generation.number} cannot be kept in {parent}: {error.strerror}",
            hint="Nothing was changed. Look at the disk's space and mount options.",
        ) from None


def publish(root: paths.Root, number: int) -> None:
    """List generation `number`, which is saved and now applied; where that fails, the next run does it."""
    with contextlib.suppress(OSError):
        os.rename(_staged(root, number), _directory(root, number))
        directory.sync(root.path(paths.GENERATIONS))


def withdraw(root: paths.Root, number: int) -> None:
    """Unlist generation `number`, which is applied and about to be undone: gone as soon as it is not current."""
    with contextlib.suppress(OSError):
        os.rename(_directory(root, number), _staged(root, number))
        directory.sync(root.path(paths.GENERATIONS))


def settle(root: paths.Root, current: int | None) -> None:
    """Finish what a killed run left: what is saved is published where it is `current`, and goes where it is not."""
    try:
        names = os.listdir(root.path(paths.GENERATIONS))
    except OSError:
        return
    for name in names:
        match = _HIDDEN.fullmatch(name)
        if match is None:
            continue
        if match[2] == _STAGED and int(match[1]) == current and not os.path.exists(_directory(root, current)):
            publish(root, current)
        else:
            shutil.rmtree(root.path(f"{paths.GENERATIONS}/{name}"), ignore_errors=True)


def prune(root: paths.Root, *, current: int) -> None:
    """Remove the oldest generations beyond KEEP, never the one that is current."""
    for number in numbers(root)[:-KEEP]:
        if number != current:
            # Unlisted first: a half removed generation cannot be restored.
            removed = root.path(f"{paths.GENERATIONS}/.{number}.{_REMOVED}")
            with contextlib.suppress(OSError):
                os.rename(_directory(root, number), removed)
            shutil.rmtree(removed, ignore_errors=True)


def _directory(root: paths.Root, number: int) -> str:
    return root.path(f"{paths.GENERATIONS}/{number}")


def _staged(root: paths.Root, number: int) -> str:
    return root.path(f"{paths.GENERATIONS}/.{number}.{_STAGED}")


def _manifest(name: str) -> state_file.StateFile[Generation]:
    return state_file.StateFile(
        f"{paths.GENERATIONS}/{name}/{_MANIFEST}", Generation, unknown="its generation cannot be compared or restored"
    )


def _write(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
