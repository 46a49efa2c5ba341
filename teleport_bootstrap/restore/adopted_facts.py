"""What a restore on another instance leaves out of the adopted override: facts of the old instance.

`adopt` takes a whole edit over, with what is true of that instance only. An operator's own overrides are not changed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence

from teleport_bootstrap import errors, paths
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import accounts, directory
from teleport_bootstrap.plan import adoption, instance_facts, overrides
from teleport_bootstrap.records import dataclass


@dataclass(frozen=True)
class Left:
    """The override files without the facts, the `content` of the adopted one of them, and the facts left out."""

    files: tuple[overrides.Override, ...]
    content: bytes
    facts: tuple[instance_facts.Fact, ...]

    def describe(self) -> str:
        """Return a note for the operator."""
        return (
            f"left out of {instance_facts.ADOPTED}, since it is true of the old instance only: "
            f"{', '.join(map(str, self.facts))}. With --keep-config it is kept"
        )


def leave_out(files: Sequence[overrides.Override], header: Mapping[str, Any]) -> Left | None:
    """Return the archive's override `files` without facts of the old instance, None where `adopt` wrote none.

    `header` is the archive's. Raises OverrideInvalid, and RenderMismatch.
    """
    adopted = next((each for each in files if each.path.endswith(f":{instance_facts.ADOPTED}")), None)
    read = [] if adopted is None else overrides.check([adopted])
    if adopted is None or not read:
        return None
    ((_, root),) = read
    patch, found = instance_facts.split(root.plain, _hosts(header))
    if not found:
        return None
    content = adoption.text_of(patch).encode()
    changed = tuple(each._replace(content=content) if each is adopted else each for each in files)
    return Left(changed, content, found)


def _hosts(header: Mapping[str, Any]) -> frozenset[str]:
    archived = header.get("instance")
    address = archived.get("private_address") if isinstance(archived, Mapping) else None
    return frozenset((address.lower(),)) if isinstance(address, str) and address else frozenset()


def write(root: paths.Root, staged: str, content: bytes) -> None:
    """Replace the adopted override below `staged`, the unpacked /etc/teleport.d, which belongs to root alone."""
    folder = f"{staged}/{os.path.basename(paths.OVERRIDES)}"
    target = root.path(folder)
    uid, gid = accounts.ids(root, "root", "root")
    with errors.file_trouble_at(target):
        opened = directory.Directory(target)
        try:
            name = instance_facts.ADOPTED_NAME
            scratch = f".{name}{directory.STAGED}"
            with contextlib.suppress(FileNotFoundError):
                opened.unlink(scratch)
            # A new file, not new content: the archive may hold hard links to the old one.
            opened.create(scratch, content, mode=0o600, uid=uid, gid=gid)
            opened.rename(scratch, name)
            opened.sync()
        finally:
            opened.close()
