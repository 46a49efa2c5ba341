"""Carrying a proposal out: stage, stop, exchange, write, start, look, and back if Teleport is not well with it."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive import interface
from teleport_bootstrap.change import attempt, changeset, exchange, health, plan_files, revert, stopped_units, units
from teleport_bootstrap.host import accounts, clock, systemd
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import restore_undo
from teleport_bootstrap.restore import proposal, stage
from teleport_bootstrap.state import current, generations, manual_edits, new_generation, restore_record

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """What was done: the generation that is current now (None on a host without a conf), systemd's part in words, what
    was seen of Teleport, where what was here is kept, and notes."""

    generation: int | None
    units: tuple[str, ...]
    seen: str
    kept: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Written:
    """What is in place now: the generation, the paths that changed, and the way back."""

    generation: int | None
    changed: tuple[str, ...]
    undo: restore_undo.Undo


def run(
    doors: gather.Doors,
    source: interface.Source,
    proposed: proposal.Proposal,
    *,
    asked: str | None,
    health_seconds: float,
    progress: interface.Progress | None = None,
) -> Done:
    """Put the archive in place, and see that Teleport is well with it; `asked` is the conf's TELEPORT_RESTORE_FROM.

    Raises ChangeRolledBack where Teleport was not well and everything is as it was, UnhealthyAfterRollback where it is
    not well with that either, and what staging and writing raise, after which nothing has changed.
    """
    root, wanted = doors.root, proposed.wanted
    user, group = proposed.account
    stamp = restore_undo.stamp(root, proposed.trees)
    earlier = restore_undo.read(root)
    stood = stopped_units.remember(root, wanted)
    try:
        staged = stage.stage(
            root,
            source,
            proposed.verified,
            proposed.trees,
            stamp=stamp,
            writing=[*proposed.merged, *proposed.named],
            owners=proposed.outline.owners,
            user=user,
            group=group,
            progress=progress,
        )
        exchange.will_stop(root, stopped_units.running(stood))
        stopped_units.stop(root, stood, seconds=health_seconds)
        exchange.carry_out(root, staged.swaps)
        written = _write(root, proposed, staged.swaps, stood, asked)
    except BaseException:
        with _undisturbed():
            # Where this fails, the next command does it.
            with contextlib.suppress(errors.BootstrapError):
                exchange.recover(root)
            current.settle(root)
            stopped_units.as_before(root, stood)
        raise
    number, changed, made = written.generation, written.changed, written.undo
    finish(root, number)
    try:
        done, seen = _try(root, proposed, stood, changed, health_seconds)
    except BaseException:
        # Told to end while Teleport was looked at: nobody knows whether it is well, so everything is as it was.
        with _undisturbed():
            answer = go_back(root, made, health_seconds, wait=False)
            if not isinstance(answer, errors.BootstrapError):
                _leave_nothing(root, answer[0], earlier)
        raise
    if not seen.well:
        raise _back(root, made, proposed, seen, health_seconds, earlier)
    now = current.FILE.read_or_warn(root)
    if now is not None and not now.confirmed:
        current.FILE.write(root, current.Current(now.generation))
    if earlier is not None:
        _forget(root, earlier)
    logger.info("%s is restored", source.name)
    return Done(
        number,
        done,
        seen.seen,
        tuple(root.path(each.kept) for each in made.aside if each.had),
        (*proposed.notes, *staged.notes),
    )


def finish(root: paths.Root, number: int | None) -> None:
    """Do what remains when everything is in place; where that fails, the next command does it."""
    with contextlib.suppress(errors.FileTrouble):
        exchange.finish(root)
    if number is not None:
        generations.publish(root, number)
    current.settle(root)


def _write(
    root: paths.Root,
    proposed: proposal.Proposal,
    swaps: tuple[exchange.Swap, ...],
    stood: Mapping[str, systemd.State],
    asked: str | None,
) -> _Written:
    """Write everything that is not exchanged, and conclude the exchange, in one change."""
    wanted = proposed.wanted
    number, state = None, None
    if proposed.plan is not None:
        reason = f"restored from {proposed.origin.name}"
        generation = new_generation.of(root, proposed.plan, proposed.build, made_by="restore", reason=reason)
        number = generation.number
        state = current.Current(number, confirmed=False)
        generations.save(root, generation)
    yaml = proposed.plan.teleport_yaml if proposed.plan is not None and proposed.kept_yaml is None else None
    parts = plan_files.Parts(wanted, proposed.fetched.values, yaml, proposed.instance, state)
    with changeset.Changeset(root) as changes:
        for path, content in proposed.merged.items():
            if path not in (*wanted.absent, *(each.path for each in wanted.files)):
                changes.write(path, content, mode=_mode(path), owner="root", group="root")
        for path, (content, entry) in proposed.named.items():
            owner, group = _owner(root, entry, *proposed.account)
            changes.write(path, content, mode=entry.mode & 0o644, owner=owner, group=group)
        if proposed.kept_yaml is not None:
            _stage_kept_yaml(changes, proposed.kept_yaml, proposed.account[1])
        plan_files.stage(changes, root, proposed.conf if proposed.conf_bytes is not None else None, parts)
        if state is None:
            # What was applied here, and what this instance was called, says nothing of what is here now.
            changes.remove(paths.CURRENT)
        changes.write_state(restore_record.FILE, _record(root, proposed, swaps, asked))
        if proposed.conf_bytes is not None:
            changes.write(paths.RESTORED_CONF, proposed.conf_bytes, mode=0o600, owner="root", group="root")
        else:
            changes.remove(paths.RESTORED_CONF)
        made = restore_undo.stage(changes, f"the restore of {proposed.origin.name}", swaps, stood)
        exchange.conclude(changes, [wanted.unit])
        return _Written(number, changes.commit(), made)


def _mode(path: str) -> int:
    # Teleport's environment may hold what is nobody's business; systemd reads it as root.
    return 0o644 if path.startswith(f"{paths.SYSTEMD}/") else 0o600


def _owner(root: paths.Root, entry: interface.Entry, user: str, group: str) -> tuple[str, str]:
    """Return user and group of a file elsewhere, as it had them, or Teleport's where this host does not know them."""
    try:
        accounts.ids(root, entry.owner, entry.group)
    except errors.AccountMissing:
        return user, group
    return entry.owner, entry.group


def _stage_kept_yaml(changes: changeset.Changeset, content: bytes, group: str) -> None:
    mode = 0o600 if group == "root" else 0o640
    changes.write(paths.TELEPORT_YAML, content, mode=mode, owner="root", group=group)


def _record(
    root: paths.Root, proposed: proposal.Proposal, swaps: tuple[exchange.Swap, ...], asked: str | None
) -> restore_record.Restored:
    aside = next((each.kept for each in swaps if each.target == paths.CONF_DIRECTORY), None)
    here = proposed.here
    return restore_record.Restored(
        archive=proposed.origin.name,
        digest=proposed.verified.digest,
        at=restore_undo.now(),
        asked=asked,
        aside=aside,
        aside_sha256=_digest(root, f"{aside}/conf") if aside is not None else None,
        aside_says=None if here is None else restore_record.says(here),
        conf_sha256=None if proposed.conf_bytes is None else generations.digest(proposed.conf_bytes),
    )


def _digest(root: paths.Root, path: str) -> str | None:
    try:
        with open(root.path(path), "rb") as file:
            return generations.digest(file.read())
    except OSError:
        return None


def _try(
    root: paths.Root,
    proposed: proposal.Proposal,
    stood: Mapping[str, systemd.State],
    changed: tuple[str, ...],
    seconds: float,
) -> tuple[tuple[str, ...], health.Verdict]:
    wanted = proposed.wanted
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML)) or {}
    watched = health.Subject(wanted.unit, document, proposed.plain_http, wanted)
    # Everything was stopped: there is nothing to restart, only to start.
    before = revert.Before(tried=wanted.unit, units={}, began=clock.SYSTEM.wall())
    done, seen = attempt.run(root, attempt.Trial(wanted, watched, before, changed), seconds=seconds)
    if seen.well:
        stopped_units.start_others(root, stood, wanted)
    return done, seen


def _leave_nothing(root: paths.Root, back: restore_undo.Undo, earlier: restore_undo.Undo | None) -> None:
    """Remove what was tried, to which `back` leads; what the restore before has put aside can be put back again."""
    with contextlib.suppress(errors.FileTrouble):
        restore_undo.discard(root, back)
    if earlier is not None:
        with contextlib.suppress(errors.FileTrouble):
            restore_undo.keep(root, earlier)


def _back(  # noqa: PLR0917
    root: paths.Root,
    made: restore_undo.Undo,
    proposed: proposal.Proposal,
    seen: health.Verdict,
    seconds: float,
    earlier: restore_undo.Undo | None,
) -> errors.BootstrapError:
    """Put everything back, start what ran, look at it, and return the error that tells what happened."""
    tried = proposed.wanted.unit
    words = revert.last_words(
        root,
        revert.Before(
            tried=tried,
            began=clock.SYSTEM.wall() - seconds,
            secret_paths=tuple(each.path for each in proposed.wanted.secrets),
        ),
    )
    told = f"Teleport was not well with what was restored: {seen.seen}{words}"
    logger.warning("Teleport is not well with what was restored: %s; going back", seen.seen)
    verdict = go_back(root, made, seconds)
    if isinstance(verdict, errors.BootstrapError):
        return errors.UnhealthyAfterRollback(
            f"{told}\nWhat was here could not be put back: {verdict.message}",
            hint="Mend that, then `teleport-bootstrap restore --undo` puts it back.",
        )
    back, looked = verdict
    _leave_nothing(root, back, earlier)
    ran = revert.running(made.units)
    if not looked.well:
        return errors.UnhealthyAfterRollback(
            f"{told}\nWhat was here is back, but {ran or 'systemd'} is not well with it either: {looked.seen}",
            hint=f"Look at `journalctl -b -u {ran or tried}`; what ails it may not be what was restored.",
        )
    well = f"and {ran} is well with it" if ran else "and no Teleport runs, as before"
    return errors.ChangeRolledBack(
        f"{told}\nWhat was here is back, {well}",
        hint=f"The archive is whole: look at why {tried} does not like it (`journalctl -b -u {tried}`), "
        "then restore again.",
    )


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nobody interrupt the body with Ctrl-C; of the other signals, none comes twice."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def go_back(
    root: paths.Root, made: restore_undo.Undo, seconds: float, *, wait: bool = True
) -> tuple[restore_undo.Undo, health.Verdict] | errors.BootstrapError:
    """Put back what `made` has, start what ran then, and return the way back from that and how Teleport is.

    Teleport is waited for where `wait` says so.
    """
    stood = stopped_units.remember(root, None)
    try:
        stopped_units.stop(root, stood, seconds=seconds)
        back = restore_undo.put_back(root, made, word=restore_undo.UNDONE, confirmed=False, stood=stood)
    except errors.BootstrapError as error:
        stopped_units.as_before(root, stood)
        return error
    try:
        looked = _look(root, made, seconds, wait=wait)
    except errors.BootstrapError as error:
        looked = health.Verdict(False, error.message)
    now = current.FILE.read_or_warn(root)
    if looked.well and now is not None and not now.confirmed:
        with contextlib.suppress(errors.FileTrouble):
            current.FILE.write(root, _confirmed(now))
    return back, looked


def _confirmed(now: current.Current) -> current.Current:
    return current.Current(now.generation, True, now.rejected_conf_sha256, now.rejected_because)


def _look(root: paths.Root, made: restore_undo.Undo, seconds: float, *, wait: bool) -> health.Verdict:
    if not systemd.is_running(root):
        return health.Verdict(True, "")
    systemd.reload()
    units.apply(root, units.as_remembered(made.units), units_changed=False, stop_seconds=seconds)
    unit = revert.running(made.units)
    if unit is None or not wait or systemd.is_boot_under_way():
        return health.Verdict(True, "")
    generation = _generation(root)
    if generation is not None and generation.unit == unit:
        watched = health.subject(generation)
    else:
        document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML)) or {
            "proxy_service": {"enabled": "no"}
        }
        plain_http = "--insecure-no-tls" in (manual_edits.text(root, paths.UNIT_ENVIRONMENT) or "")
        watched = health.Subject(unit, document, plain_http)
    return health.wait(root, watched, seconds=max(seconds, health.DEADLINE_SECONDS))


def _generation(root: paths.Root) -> generations.Generation | None:
    try:
        return current.generation(root)
    except errors.BootstrapError:
        return None


def _forget(root: paths.Root, earlier: restore_undo.Undo) -> None:
    """Remove what the restore before this one had put aside; its record is gone already."""
    for each in earlier.aside:
        with contextlib.suppress(errors.FileTrouble):
            exchange.remove(root, exchange.goes_with(each.kept))
