"""Carry out a restore: stage, stop, swap, write, start, and undo all of it if Teleport is unhealthy with it."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import ClassVar

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface
from teleport_bootstrap.change import attempt, directory_swap, plan_files, units
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.host import accounts, clock, directory
from teleport_bootstrap.instance import gather
from teleport_bootstrap.restore import proposal, stage
from teleport_bootstrap.state import current, generations, restore_record
from teleport_bootstrap.state.previous_state import UNDO

logger = logging.getLogger(__name__)

RESTORED = "restored"


@dataclass(frozen=True)
class Outcome:
    """How `restore` ended, one of the words of that module, and what was done; `kept` is where old directories are."""

    json_keys: ClassVar[dict[str, str]] = {"what": "result", "seen": "health"}

    what: str
    archive: str = ""
    generation: int | None = None
    units: tuple[str, ...] = ()
    seen: str = ""
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def run(
    doors: gather.Doors,
    source: interface.Source,
    proposed: proposal.Proposal,
    *,
    asked: str | None,
    health_seconds: float,
    progress: interface.Progress | None = None,
) -> Outcome:
    """Put the archive in place and keep it if Teleport is healthy; `asked` is the conf's TELEPORT_RESTORE_FROM.

    Raises ChangeRolledBack where Teleport was unhealthy and everything was restored, UnhealthyAfterRollback where it is
    unhealthy with that too, and what staging and writing raise, after which nothing has changed.
    """
    root = doors.root
    earlier = UNDO.read(root)
    notes: list[str] = []

    def put(transaction: Transaction, states: units.States) -> int | None:
        staged = stage.stage(transaction, source, proposed, progress)
        notes.extend(staged.notes)
        attempt.swap_stopped(transaction, staged.swaps, states, seconds=health_seconds)
        return _write(transaction, proposed, staged.swaps, asked)

    unit = proposed.applicable.unit
    change = attempt.Change(
        f"the restore of {proposed.origin.name}",
        proposed.applicable,
        put,
        words=attempt.Words(
            "what was restored",
            "previous state",
            f"The archive is intact: find out why {unit} fails with it (`journalctl -b -u {unit}`), then "
            "restore again.",
            "Correct that, then `teleport-bootstrap restore --undo` restores it.",
        ),
        stops=True,
        is_restore=True,
    )
    done = attempt.run(root, change, seconds=health_seconds)
    if earlier is not None:
        for each in earlier.moved:
            with contextlib.suppress(errors.FileTrouble):
                directory_swap.remove(root, directory_swap.container(each.kept))
    logger.info("%s is restored", source.name)
    previous = done.trial.previous
    kept = tuple(root.path(each.kept) for each in previous.moved if each.had)
    return Outcome(RESTORED, source.name, done.trial.generation, done.units, done.seen, kept, (*proposed.notes, *notes))


def _write(
    transaction: Transaction, proposed: proposal.Proposal, swaps: tuple[directory_swap.Swap, ...], asked: str | None
) -> int | None:
    """Stage every file outside the swapped directories; return the number of the new generation, if there is one."""
    root, wanted, plan = transaction.root, proposed.applicable, proposed.plan
    state = None
    if plan is not None:
        reason = f"restored from {proposed.origin.name}"
        generation = generations.make(root, plan, proposed.build, made_by="restore", reason=reason)
        generations.save(root, generation)
        state = current.Current(generation.number, confirmed=False)
    for path, content in proposed.merged.items():
        if path not in (*wanted.absent, *(each.path for each in wanted.files)):
            transaction.write(path, content, mode=_mode(path), owner="root", group="root")
    for path, (content, entry) in proposed.named.items():
        owner, group = _owner(root, entry, *proposed.account)
        transaction.write(path, content, mode=entry.mode & 0o644, owner=owner, group=group)
    if proposed.kept_yaml is not None:
        group = proposed.account[1]
        mode = 0o600 if group == "root" else 0o640
        transaction.write(paths.TELEPORT_YAML, proposed.kept_yaml, mode=mode, owner="root", group=group)
    yaml = plan.teleport_yaml if plan is not None and proposed.kept_yaml is None else None
    parts = plan_files.Parts(wanted, proposed.fetched.values, yaml, proposed.instance, state)
    plan_files.stage(transaction, proposed.conf if proposed.conf_bytes is not None else None, parts)
    if state is None:
        # What was applied here before says nothing about what is here now.
        transaction.remove(paths.CURRENT)
    transaction.write_state(restore_record.FILE, _record(root, proposed, swaps, asked))
    if proposed.conf_bytes is not None:
        transaction.write(paths.RESTORED_CONF, proposed.conf_bytes, mode=0o600, owner="root", group="root")
    else:
        transaction.remove(paths.RESTORED_CONF)
    return None if state is None else state.generation


def _mode(path: str) -> int:
    # Teleport's environment may hold secrets; systemd reads it as root.
    return 0o644 if path.startswith(f"{paths.SYSTEMD}/") else 0o600


def _owner(root: paths.Root, entry: interface.Entry, user: str, group: str) -> tuple[str, str]:
    """Return user and group of a file as archived, or Teleport's where this host does not have them."""
    try:
        accounts.ids(root, entry.owner, entry.group)
    except errors.AccountMissing:
        return user, group
    return entry.owner, entry.group


def _record(
    root: paths.Root, proposed: proposal.Proposal, swaps: tuple[directory_swap.Swap, ...], asked: str | None
) -> restore_record.Restored:
    aside = next((each.kept for each in swaps if each.target == paths.CONF_DIRECTORY), None)
    conf = None if aside is None else directory.read(root, f"{aside}/conf")
    here = proposed.here
    return restore_record.Restored(
        archive=proposed.origin.name,
        digest=proposed.verified.digest,
        at=clock.iso(),
        asked=asked,
        aside=aside,
        aside_sha256=None if conf is None else generations.digest(conf.content),
        aside_says=None if here is None else restore_record.says(here),
        conf_sha256=None if proposed.conf_bytes is None else generations.digest(proposed.conf_bytes),
    )
