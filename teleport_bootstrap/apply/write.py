"""Bringing the files of a machine to what a plan or an earlier generation says, all as one change."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teleport_bootstrap import paths
from teleport_bootstrap.apply import current, last_known, secrets
from teleport_bootstrap.conf import conf
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.host import changeset, root, teleport, trust
from teleport_bootstrap.plan import model
from teleport_bootstrap.secret import Secret

logger = logging.getLogger(__name__)

# What changes with every run and means nothing to Teleport.
BOOKKEEPING = (paths.CURRENT, paths.METADATA_CACHE)


@dataclass(frozen=True)
class Parts:
    """What goes into one change: the plan's files always, the rest where it is given.

    `values` are the contents of secret files, by path; `current` what the change makes the machine's state.
    """

    wanted: model.Applicable
    values: Mapping[str, Secret]
    teleport_yaml: model.PlannedFile | None = None
    instance: facts.Facts | None = None
    current: current.Current | None = None


def stage(changes: changeset.Changeset, where: root.Root, given: conf.Conf | None, parts: Parts) -> None:
    """Stage everything in `parts`, and let the installed Teleport judge a new teleport.yaml.

    Raises FileTrouble, AccountMissing and TeleportRefused.
    """
    for each in parts.wanted.directories:
        changes.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
    if parts.current is not None:
        current.stage(changes, parts.current)
    secrets.stage(changes, parts.wanted.secrets, parts.values)
    if parts.instance is not None:
        last_known.stage(changes, last_known.of(parts.instance))
    if given is not None and given.holds_secret:
        trust.make_private(where, paths.CONF)
    for planned in parts.wanted.files:
        _stage(changes, planned)
    for path in parts.wanted.absent:
        changes.remove(path)
    if parts.teleport_yaml is not None:
        _stage(changes, parts.teleport_yaml)
        _ask_teleport(where, changes)


def apply(where: root.Root, given: conf.Conf | None, parts: Parts) -> tuple[str, ...]:
    """Write everything in `parts` and return the paths that changed; raises as `stage` does, and then none has."""
    with changeset.Changeset(where) as changes:
        stage(changes, where, given, parts)
        changed = changes.commit()
    for path in changed:
        logger.debug("changed %s", where.path(path))
    return changed


def units_changed(changed: Iterable[str]) -> bool:
    """Whether systemd has to read its files again."""
    return any(path.startswith("/etc/systemd/") for path in changed)


def _stage(changes: changeset.Changeset, planned: model.PlannedFile) -> None:
    changes.write(planned.path, planned.content.encode(), mode=planned.mode, owner=planned.owner, group=planned.group)


def _ask_teleport(where: root.Root, changes: changeset.Changeset) -> None:
    """Let the installed Teleport judge the staged file, where there is one of each."""
    staged = changes.staged_path(paths.TELEPORT_YAML)
    binary = teleport.find(where)
    if staged is not None and binary is not None:
        teleport.check(binary, staged, where.path(paths.TELEPORT_YAML))
