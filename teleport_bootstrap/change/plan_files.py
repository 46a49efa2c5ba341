"""The files of a plan or of an earlier generation, written as one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import needed_files
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.host import regular_file, teleport, trust
from teleport_bootstrap.plan import (
    adoption,
    overrides,
    plan_model,
    provenance,
    secret_mask,
    teleport_refusal,
    yaml_reading,
)
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret
from teleport_bootstrap.state import current, metadata_cache

# What changes with every run and is not shown.
_BOOKKEEPING = (paths.CURRENT, paths.METADATA_CACHE)


@dataclass(frozen=True)
class Parts:
    """What goes into one transaction: the plan's files always, the rest unless it is None.

    `values` are the contents of secret files, by path; `current` is what the change makes current. `tree` has the
    origins of what is in teleport.yaml.
    """

    wanted: plan_model.Applicable
    values: Mapping[str, Secret]
    teleport_yaml: plan_model.PlannedFile | None = None
    instance: facts.Facts | None = None
    current: current.Current | None = None
    tree: provenance.Tree = None


def stage(change: Transaction, conf: conf_file.Conf | None, parts: Parts) -> None:
    """Stage everything in `parts`, and let the installed Teleport check a new teleport.yaml.

    Raises FileTrouble, AccountMissing and TeleportRefused.
    """
    if conf is not None and conf.holds_secret:
        trust.make_private(change.root, paths.CONF)
    make_private(change.root)
    stage_files(change, parts)


def rehearse(root: paths.Root, parts: Parts) -> None:
    """Stage everything in `parts`, let Teleport check it, and drop it all: raises what applying it would raise."""
    with Transaction(root) as trial:
        stage_files(trial, parts)
        trial.previous("a rehearsal", {})


def stage_files(change: Transaction, parts: Parts) -> None:
    """Stage everything in `parts` as `stage` does, and leave the mode of what an operator wrote as it is."""
    for each in parts.wanted.directories:
        change.make_directory(each.path, mode=each.mode, owner=each.owner, group=each.group)
    if parts.current is not None:
        change.write_state(current.FILE, parts.current)
    needed_files.stage_secrets(change, parts.wanted.secrets, parts.values)
    if parts.instance is not None:
        change.write_state(metadata_cache.FILE, metadata_cache.from_facts(parts.instance))
    for planned in parts.wanted.files:
        _stage(change, planned)
    for path in parts.wanted.absent:
        change.remove(path)
    if parts.teleport_yaml is not None:
        stage_teleport_yaml(change, parts.teleport_yaml, parts.tree)


def stage_teleport_yaml(change: Transaction, planned: plan_model.PlannedFile, tree: provenance.Tree) -> None:
    """Stage a new teleport.yaml, and let the installed Teleport check it. Raises TeleportRefused, and as `stage`."""
    _stage(change, planned)
    staged = change.staged_path(paths.TELEPORT_YAML)
    if staged is not None:
        check_with_teleport(change.root, staged, planned.content, tree)


def check_with_teleport(root: paths.Root, staged: str, content: str, tree: provenance.Tree) -> None:
    """Let the installed Teleport, where there is one, check `content`, a teleport.yaml that is at `staged`.

    Raises TeleportRefused, with the places of what it refuses, as far as `tree` knows them.
    """
    binary = teleport.find(root)
    said = None if binary is None else teleport.refusal(binary, staged, root.path(paths.TELEPORT_YAML))
    if said is None:
        return
    # Teleport quotes what it refuses.
    said = secret_mask.in_message(said, secret_mask.secrets_in(content))
    found = _at_keys(teleport_refusal.findings(said, content, tree))
    raise errors.TeleportRefused(
        f"{binary} does not accept the configuration for {root.path(paths.TELEPORT_YAML)}: {said}",
        hint="Nothing was written. `teleport-bootstrap render` shows the file; "
        + ("correct these lines." if found else "change the conf or Teleport."),
        findings=found,
    )


def _at_keys(found: Sequence[Finding]) -> Sequence[Finding]:
    """Return `found` with the places of the keys themselves, which the origins of values below them do not have."""
    for path in {each.place.file for each in found if each.place is not None and each.place.file.endswith(".yaml")}:
        with contextlib.suppress(OSError):
            found = adoption.at_edit(found, path, path, yaml_reading.read(regular_file.read(path)).root)
    return found


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
