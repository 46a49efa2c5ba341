"""Which generation this machine is in, and what is known of the conf beside it."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, fields
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import changeset
from teleport_bootstrap.host import directory
from teleport_bootstrap.state import generations

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Current:
    """`generation` is what was applied last, and `confirmed` that nobody still waits to see Teleport well with it.

    `previous` is the last confirmed one before it, and `aside` where the data is that was set aside on its behalf,
    as long as it is not confirmed.

    `held_conf_sha256` is the digest of a conf that lies in its place and is not followed: one with which Teleport was
    not well, or one that somebody has rolled back from. It counts until the conf is edited again.
    """

    generation: int
    confirmed: bool = True
    held_conf_sha256: str | None = None
    held_because: str = ""
    previous: int | None = None
    aside: str | None = None


def read(root: paths.Root) -> Current | None:
    """Return what is current, None where nothing was ever applied here. Raises FileTrouble where nobody can tell."""
    shown = root.path(paths.CURRENT)
    try:
        found = directory.read(root, paths.CURRENT)
    except OSError as error:
        raise errors.FileTrouble(f"{shown} cannot be read: {error.strerror}", hint="Run as root.") from None
    if found is None:
        return None
    try:
        data: Any = json.loads(found.content)
        # A newer agent may have left more than this one knows.
        known = {field.name: data[field.name] for field in fields(Current) if field.name in data}
        now = Current(**known)
        if not all(isinstance(each, (int, type(None))) for each in (now.generation, now.previous)):
            raise TypeError
    except (ValueError, TypeError):
        raise errors.FileTrouble(
            f"{shown} is damaged, so nobody can tell which generation this machine is in",
            hint="Look at `teleport-bootstrap history`, and go to the right one with `teleport-bootstrap rollback N`.",
        ) from None
    return now


def known(root: paths.Root) -> Current | None:
    """Return what `read` returns, and None with a warning where it raises: for what has to go on."""
    try:
        return read(root)
    except errors.FileTrouble as error:
        logger.warning("%s. %s", error.message, error.hint)
        return None


def settle(root: paths.Root) -> None:
    """Bring what generations are listed in line with what is current, after a run that was killed."""
    try:
        now = read(root)
    except errors.FileTrouble:
        return  # whoever reads it next tells
    generations.settle(root, None if now is None else now.generation)


def stage(changes: changeset.Changeset, current: Current) -> None:
    """Make `current` a part of `changes`, so that it holds exactly when they do."""
    content = json.dumps(asdict(current), indent=1) + "\n"
    changes.write(paths.CURRENT, content.encode(), mode=0o600, owner="root", group="root")


def write(root: paths.Root, current: Current) -> None:
    """Bring `current` to the disk by itself. Raises FileTrouble."""
    with changeset.Changeset(root) as changes:
        stage(changes, current)
        changes.commit()


def generation(root: paths.Root) -> generations.Generation | None:
    """Return the generation that is current, None without one.

    Raises FileTrouble where nobody can tell, and GenerationMissing where it cannot be read.
    """
    now = read(root)
    return None if now is None else generations.load(root, now.generation)
