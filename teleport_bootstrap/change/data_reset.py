"""Setting Teleport's data directory aside, so that it begins anew; nothing is deleted."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import changeset
from teleport_bootstrap.host import directory, systemd

logger = logging.getLogger(__name__)


def put_aside(root: paths.Root, running: str | None) -> str | None:
    """Stop the unit `running`, give the data directory another name, and return that name; None where there is none.

    A note says where it is until the change on whose behalf this is done takes it away, with `stage`: a run that finds
    it puts the directory back. Raises FileTrouble, after which the directory is where it was, and UnitTrouble.
    """
    data = root.path(paths.DATA)
    if not os.path.isdir(data):
        return None
    if running is not None:
        systemd.stop([running], wait=True)
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    aside = f"{paths.DATA}.reset-{stamp}"
    _note(root, aside)
    try:
        _rename(root, paths.DATA, aside)
    except errors.FileTrouble:
        _forget(root)
        raise
    return aside


def stage(changes: changeset.Changeset) -> None:
    """Make it a part of `changes` that the data directory stays aside."""
    changes.remove(paths.DATA_ASIDE)


def recover(root: paths.Root) -> None:
    """Put the data directory back where a run was killed before its change was made. Raises FileTrouble."""
    try:
        found = directory.read(root, paths.DATA_ASIDE)
        aside = json.loads(found.content)["aside"] if found else None
    except (OSError, ValueError, KeyError, TypeError):
        raise errors.FileTrouble(
            f"{root.path(paths.DATA_ASIDE)} cannot be read, so nobody can tell where Teleport's data is",
            hint=f"Look for {paths.DATA}.reset-*, put the right one back by hand, and remove that file.",
        ) from None
    if aside is None:
        return
    put_back(root, aside)
    logger.warning(
        "an earlier run was interrupted: Teleport's data is back in %s; start its unit if it does not run",
        root.path(paths.DATA),
    )


def put_back(root: paths.Root, aside: str | None) -> None:
    """Let the data directory that was put `aside` be the data directory again; what has begun meanwhile is kept too.

    Raises FileTrouble.
    """
    if aside is None:
        return
    if os.path.lexists(root.path(aside)):
        data = root.path(paths.DATA)
        with contextlib.suppress(OSError):
            os.rmdir(data)  # where nothing has begun in it
        if os.path.lexists(data):
            _rename(root, paths.DATA, f"{aside}.failed")
        _rename(root, aside, paths.DATA)
    _forget(root)


def _note(root: paths.Root, aside: str) -> None:
    with changeset.Changeset(root) as changes:
        changes.write(paths.DATA_ASIDE, json.dumps({"aside": aside}).encode(), mode=0o600, owner="root", group="root")
        changes.commit()


def _forget(root: paths.Root) -> None:
    with changeset.Changeset(root) as changes:
        changes.remove(paths.DATA_ASIDE)
        changes.commit()


def _rename(root: paths.Root, old: str, new: str) -> None:
    try:
        os.rename(root.path(old), root.path(new))
        directory.sync(os.path.dirname(root.path(new)))
    except OSError as error:
        raise errors.FileTrouble(
            f"{root.path(old)} cannot be renamed to {root.path(new)}: {error.strerror}",
            hint="Where it is a mount point, empty it by hand: a mount point cannot be set aside.",
        ) from None
