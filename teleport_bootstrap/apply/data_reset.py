"""Setting Teleport's data directory aside, so that it begins anew; nothing is deleted."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os

from teleport_bootstrap import errors, paths
from teleport_bootstrap.host import changeset, directory, root, systemd

logger = logging.getLogger(__name__)


def put_aside(where: root.Root, running: str | None) -> str | None:
    """Stop the unit `running`, give the data directory another name, and return that name; None where there is none.

    A note says where it is until the change on whose behalf this is done takes it away, with `stage`: a run that finds
    it puts the directory back. Raises FileTrouble, after which the directory is where it was, and UnitTrouble.
    """
    data = where.path(paths.DATA)
    if not os.path.isdir(data):
        return None
    if running is not None:
        systemd.stop([running], wait=True)
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    aside = f"{paths.DATA}.reset-{stamp}"
    _note(where, aside)
    try:
        _rename(where, paths.DATA, aside)
    except errors.FileTrouble:
        _forget(where)
        raise
    return aside


def stage(changes: changeset.Changeset) -> None:
    """Make it a part of `changes` that the data directory stays aside."""
    changes.remove(paths.DATA_ASIDE)


def recover(where: root.Root) -> None:
    """Put the data directory back where a run was killed before its change was made. Raises FileTrouble."""
    try:
        found = directory.read(where, paths.DATA_ASIDE)
        aside = json.loads(found.content)["aside"] if found else None
    except (OSError, ValueError, KeyError, TypeError):
        raise errors.FileTrouble(
            f"{where.path(paths.DATA_ASIDE)} cannot be read, so nobody can tell where Teleport's data is",
            hint=f"Look for {paths.DATA}.reset-*, put the right one back by hand, and remove that file.",
        ) from None
    if aside is None:
        return
    put_back(where, aside)
    logger.warning(
        "an earlier run was interrupted: Teleport's data is back in %s; start its unit if it does not run",
        where.path(paths.DATA),
    )


def put_back(where: root.Root, aside: str | None) -> None:
    """Let the data directory that was put `aside` be the data directory again; what has begun meanwhile is kept too.

    Raises FileTrouble.
    """
    if aside is None:
        return
    if os.path.lexists(where.path(aside)):
        data = where.path(paths.DATA)
        with contextlib.suppress(OSError):
            os.rmdir(data)  # where nothing has begun in it
        if os.path.lexists(data):
            _rename(where, paths.DATA, f"{aside}.failed")
        _rename(where, aside, paths.DATA)
    _forget(where)


def _note(where: root.Root, aside: str) -> None:
    with changeset.Changeset(where) as changes:
        changes.write(paths.DATA_ASIDE, json.dumps({"aside": aside}).encode(), mode=0o600, owner="root", group="root")
        changes.commit()


def _forget(where: root.Root) -> None:
    with changeset.Changeset(where) as changes:
        changes.remove(paths.DATA_ASIDE)
        changes.commit()


def _rename(where: root.Root, old: str, new: str) -> None:
    try:
        os.rename(where.path(old), where.path(new))
        directory.sync(os.path.dirname(where.path(new)))
    except OSError as error:
        raise errors.FileTrouble(
            f"{where.path(old)} cannot be renamed to {where.path(new)}: {error.strerror}",
            hint="Where it is a mount point, empty it by hand: a mount point cannot be set aside.",
        ) from None
