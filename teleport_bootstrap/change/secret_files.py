"""The files of the secrets that a plan names: whether they are there, and how they are written."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from teleport_bootstrap import paths
from teleport_bootstrap.change import transaction
from teleport_bootstrap.host import directory
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.secret import Secret


def missing(root: paths.Root, wanted: tuple[plan_model.SecretFile, ...]) -> tuple[plan_model.SecretFile, ...]:
    """Return those of `wanted` whose files are missing or blank."""
    return tuple(each for each in wanted if not is_present(root, each.path))


def is_present(root: paths.Root, path: str) -> bool:
    """Return whether `path` is a file with content, also through links, as for systemd and Teleport.

    Only a file that we could have written is read; for any other the size decides.
    """
    content = read(root, path)
    if content is not None:
        return bool(content.strip())
    try:
        facts = os.stat(root.path(path))
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size > 0


def changed_at(root: paths.Root, path: str) -> float | None:
    """Return when the file `path` was last written or renamed, in seconds since 1970; None where it is missing."""
    try:
        return os.lstat(root.path(path)).st_ctime
    except OSError:
        return None


def read(root: paths.Root, path: str) -> bytes | None:
    """Return the content of the regular file `path`; None where it is missing or not a regular file."""
    try:
        found = directory.read(root, path)
    except OSError:
        return None
    return None if found is None else found.content


def stage(
    changes: transaction.Transaction, wanted: tuple[plan_model.SecretFile, ...], values: Mapping[str, Secret]
) -> None:
    """Add the files of the secrets in `values`, by path, to `changes`.

    A blank file among the others, if Teleport's unit waits for it, is removed: it is useless, but systemd cannot know
    that. Older images left such files behind when SSM did not answer.
    """
    for each in wanted:
        secret = values.get(each.path)
        if secret is not None:
            changes.write(each.path, secret.reveal().encode(), mode=each.mode, owner=each.owner, group=each.group)
        elif each.may_be_pending and _is_blank(changes.root, each.path):
            # The unit would start, and Teleport would fail at once, again and again.
            changes.remove(each.path)


def _is_blank(root: paths.Root, path: str) -> bool:
    content = read(root, path)
    return content is not None and not content.strip()
