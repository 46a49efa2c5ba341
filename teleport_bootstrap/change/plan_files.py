"""The files of a plan or of an earlier generation, written as one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import needed_files
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.host import teleport, trust
from teleport_bootstrap.plan import overrides, plan_model, secret_mask
from teleport_bootstrap.secret import Secret
from teleport_bootstrap.state import current, metadata_cache

# What changes with every run and is not shown.
_BOOKKEEPING = (paths.CURRENT, paths.METADATA_CACHE)


@dataclass(frozen=True)
class Parts:
    """What goes into one transaction: the plan's files always, the rest unless it is None.

    `values` are the contents of secret files, by path; `current` is what the change makes current.
    """

    wanted: plan_model.Applicable
    values: Mapping[str, Secret]
    teleport_yaml: plan_model.PlannedFile | None = None
    instance: facts.Facts | None = None
    current: current.Current | None = None


def stage(change: Transaction, conf: conf_file.Conf | None, parts: Parts) -> None:
    """Stage everything in `parts`, and let the installed Teleport check a new teleport.yaml.

    Raises FileTrouble, AccountMissing and TeleportRefused.
    """
    for each in parts.wanted.directories:
        change.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
    if parts.current is not None:
        change.write_state(current.FILE, parts.current)
    needed_files.stage_secrets(change, parts.wanted.secrets, parts.values)
    if parts.instance is not None:
        change.write_state(metadata_cache.FILE, metadata_cache.from_facts(parts.instance))
    if conf is not None and conf.holds_secret:
        trust.make_private(change.root, paths.CONF)
    make_private(change.root)
    for planned in parts.wanted.files:
        _stage(change, planned)
    for path in parts.wanted.absent:
        change.remove(path)
    if parts.teleport_yaml is not None:
        stage_teleport_yaml(change, parts.teleport_yaml)


def stage_teleport_yaml(change: Transaction, planned: plan_model.PlannedFile) -> None:
    """Stage a new teleport.yaml, and let the installed Teleport check it. Raises TeleportRefused, and as `stage`."""
    _stage(change, planned)
    try:
        _check_with_teleport(change)
    except errors.TeleportRefused as error:
        # Teleport quotes what it refuses.
        said = secret_mask.in_message(error.message, secret_mask.secrets_in(planned.content))
        raise errors.TeleportRefused(said, hint=error.hint) from None


def make_private(root: paths.Root) -> None:
    """Make each override private that holds a secret; raises as `trust.read` does."""
    for name in overrides.chosen(trust.names(root, paths.OVERRIDES))[0]:
        path = f"{paths.OVERRIDES}/{name}"
        content = trust.read(root, path)
        if content is not None and secret_mask.holds_secret(content):
            trust.make_private(root, path)


def units_changed(changed: Iterable[str]) -> bool:
    """Whether systemd has to read its files again."""
    return any(path.startswith(f"{paths.SYSTEMD}/") for path in changed)


def without_bookkeeping(changed: Iterable[str]) -> tuple[str, ...]:
    """Return those of the changed paths that an operator wants to see."""
    return tuple(path for path in changed if path not in _BOOKKEEPING)


def _stage(change: Transaction, planned: plan_model.PlannedFile) -> None:
    change.write(planned.path, planned.content.encode(), mode=planned.mode, owner=planned.owner, group=planned.group)


def _check_with_teleport(change: Transaction) -> None:
    """Let the installed Teleport check the staged file, where there is one of each."""
    staged = change.staged_path(paths.TELEPORT_YAML)
    binary = teleport.find(change.root)
    if staged is not None and binary is not None:
        teleport.check(binary, staged, change.root.path(paths.TELEPORT_YAML))
