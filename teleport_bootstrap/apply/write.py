"""Bringing the machine to what a plan says: all files as one change, then the units."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teleport_bootstrap import paths
from teleport_bootstrap.apply import last_known, secrets, units
from teleport_bootstrap.conf import conf
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.host import changeset, root, teleport, trust
from teleport_bootstrap.plan import model
from teleport_bootstrap.secret import Secret

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """What was done: the paths that changed, as the instance sees them, and what systemd was asked, in words."""

    changed: tuple[str, ...]
    units: tuple[str, ...]


def apply(
    where: root.Root,
    given: conf.Conf,
    wanted: model.Activation,
    values: Mapping[str, Secret],
    *,
    planned: tuple[model.Plan, facts.Facts] | None = None,
) -> Written:
    """Write what `wanted` says and the secrets in `values`, by path; and teleport.yaml where a plan comes with it.

    Raises FileTrouble, AccountMissing and TeleportRefused, after which no file has changed; and UnitTrouble, after
    which the files have, and the next run asks systemd again.
    """
    plan = planned[0] if planned else None
    with changeset.Changeset(where) as changes:
        changes.sweep(*_directories(wanted))
        for each in wanted.directories:
            changes.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
        secrets.stage(changes, wanted.secrets, values)
        if planned is not None:
            last_known.stage(changes, last_known.of(planned[1]))
        if given.holds_secret:
            trust.make_private(where, paths.CONF)
        for each_file in wanted.files:
            _stage(changes, each_file)
        for path in wanted.absent:
            changes.remove(path)
        if plan is not None:
            # Last: that it is there is what tells the next run that the rest is too.
            _stage(changes, plan.teleport_yaml)
            _ask_teleport(where, changes)
        changed = changes.commit()
    for path in changed:
        logger.debug("changed %s", where.path(path))
    units_changed = any(path.startswith("/etc/systemd/") for path in changed)
    return Written(changed, units.apply(where, wanted.units, units_changed=units_changed))


def _directories(wanted: model.Activation) -> Iterable[str]:
    """Return every directory that any plan writes to: the run that was killed may have had another conf."""
    written = [*(each.path for each in wanted.files), *wanted.absent, paths.TELEPORT_YAML]
    return dict.fromkeys((*(os.path.dirname(path) for path in written), paths.DATA, paths.STATE))


def _stage(changes: changeset.Changeset, planned: model.PlannedFile) -> None:
    changes.write(planned.path, planned.content.encode(), mode=planned.mode, owner=planned.owner, group=planned.group)


def _ask_teleport(where: root.Root, changes: changeset.Changeset) -> None:
    """Let the installed Teleport judge the staged file, where there is one of each."""
    staged = changes.staged_path(paths.TELEPORT_YAML)
    binary = teleport.find(where)
    if staged is not None and binary is not None:
        teleport.check(binary, staged, where.path(paths.TELEPORT_YAML))
