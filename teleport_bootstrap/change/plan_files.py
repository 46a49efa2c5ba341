"""Bringing the files of a machine to what a plan or an earlier generation says, all as one change."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teleport_bootstrap import paths
from teleport_bootstrap.change import changeset, secret_files
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.host import teleport, trust
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.secret import Secret
from teleport_bootstrap.state import current, metadata_cache

logger = logging.getLogger(__name__)

# What changes with every run and means nothing to Teleport.
BOOKKEEPING = (paths.CURRENT, paths.METADATA_CACHE)


@dataclass(frozen=True)
class Parts:
    """What goes into one change: the plan's files always, the rest where it is given.

    `values` are the contents of secret files, by path; `current` what the change makes the machine's state.
    """

    wanted: plan_model.Applicable
    values: Mapping[str, Secret]
    teleport_yaml: plan_model.PlannedFile | None = None
    instance: facts.Facts | None = None
    current: current.Current | None = None


def stage(changes: changeset.Changeset, root: paths.Root, conf: conf_file.Conf | None, parts: Parts) -> None:
    """Stage everything in `parts`, and let the installed Teleport judge a new teleport.yaml.

    Raises FileTrouble, AccountMissing and TeleportRefused.
    """
    for each in parts.wanted.directories:
        changes.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
    if parts.current is not None:
        changes.write_state(current.FILE, parts.current)
    secret_files.stage(changes, parts.wanted.secrets, parts.values)
    if parts.instance is not None:
        changes.write_state(metadata_cache.FILE, metadata_cache.of(parts.instance))
    if conf is not None and conf.holds_secret:
        trust.make_private(root, paths.CONF)
    for planned in parts.wanted.files:
        _stage(changes, planned)
    for path in parts.wanted.absent:
        changes.remove(path)
    if parts.teleport_yaml is not None:
        _stage(changes, parts.teleport_yaml)
        _ask_teleport(root, changes)


def apply(root: paths.Root, conf: conf_file.Conf | None, parts: Parts) -> tuple[str, ...]:
    """Write everything in `parts` and return the paths that changed; raises as `stage` does, and then none has."""
    with changeset.Changeset(root) as changes:
        stage(changes, root, conf, parts)
        changed = changes.commit()
    for path in changed:
        logger.debug("changed %s", root.path(path))
    return changed


def units_changed(changed: Iterable[str]) -> bool:
    """Whether systemd has to read its files again."""
    return any(path.startswith(f"{paths.SYSTEMD}/") for path in changed)


def _stage(changes: changeset.Changeset, planned: plan_model.PlannedFile) -> None:
    changes.write(planned.path, planned.content.encode(), mode=planned.mode, owner=planned.owner, group=planned.group)


def _ask_teleport(root: paths.Root, changes: changeset.Changeset) -> None:
    """Let the installed Teleport judge the staged file, where there is one of each."""
    staged = changes.staged_path(paths.TELEPORT_YAML)
    binary = teleport.find(root)
    if staged is not None and binary is not None:
        teleport.check(binary, staged, root.path(paths.TELEPORT_YAML))
