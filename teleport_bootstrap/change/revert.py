"""The way back from a change that did Teleport no good: the same files, the same units, and a look at its health."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.change import change_journal, changeset, data_reset, health, journal_excerpt, plan_files, units
from teleport_bootstrap.host import clock, directory, probe, systemd
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.state import current, generations, manual_edits

# A unit in one of these states was meant to run.
RAN = ("active", "reloading", "activating", "deactivating")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Before:
    """The machine before a change: each file that changes (None where it was not there), the units, the generation.

    `owned` are the directories that get another owner, `process_id` is the Teleport that was in charge, `aside` where
    its data was set aside for the change, `began` when that was, in seconds since 1970. `tried` is the unit that runs
    Teleport after the change, `secret_paths` the files whose content nobody should see. Held in memory while the change
    is on trial: the files include secrets, which nothing else may keep.
    """

    tried: str
    files: Mapping[str, directory.Found | None] = field(default_factory=dict)
    owned: tuple[change_journal.Owned, ...] = ()
    units: Mapping[str, systemd.State] = field(default_factory=dict)
    generation: generations.Generation | None = None
    aside: str | None = None
    process_id: int | None = None
    began: float = 0.0
    secret_paths: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Before({', '.join(self.files)})"


def remember(
    root: paths.Root,
    changes: changeset.Changeset,
    wanted: plan_model.Applicable,
    generation: generations.Generation | None,
    *,
    stood: Mapping[str, systemd.State] | None = None,
    aside: str | None = None,
) -> Before:
    """Return the machine as it is before `changes`, which bring it to `wanted`, are committed. Raises UnitTrouble.

    `stood` are the units as they stood before Teleport was stopped to set its data `aside`.
    """
    return Before(
        tried=wanted.unit,
        files={path: directory.read(root, path) for path in changes.changed},
        owned=changes.owned,
        units=units.remember(root, [wanted.units]) if stood is None else stood,
        generation=generation,
        aside=aside,
        process_id=probe.process_id(root),
        began=clock.SYSTEM.wall(),
        secret_paths=tuple(each.path for each in (*wanted.secrets, *(generation.secrets if generation else ()))),
    )


def back(
    root: paths.Root, before: Before, sick: health.Verdict, now: current.Current | None, *, health_seconds: float
) -> errors.BootstrapError:
    """Put everything back, start what ran, wait for its health, and return the error that tells what happened.

    `now` is what the machine's state is again.
    """
    told = f"Teleport was not well with the new configuration: {sick.seen}" + last_words(root, before)
    logger.warning("Teleport is not well with the new configuration: %s; going back", sick.seen)
    try:
        units_changed = _restore(root, before, now)
    except errors.BootstrapError as error:
        return errors.UnhealthyAfterRollback(
            f"{told}\nThe old configuration could not be put back: {error.message}",
            hint="Mend that, then `teleport-bootstrap reconfigure` goes back to the last generation that was well.",
        )
    unit = running(before.units)
    try:
        verdict = _run_again(root, before, units_changed, health_seconds)
    except errors.BootstrapError as error:
        verdict = health.Verdict(False, error.message)
    if not verdict.well:
        return errors.UnhealthyAfterRollback(
            f"{told}\nThe old configuration is back, but {unit or 'systemd'} is not well with it either: "
            f"{verdict.seen}",
            hint=f"Look at `journalctl -b -u {unit or before.tried}`; what ails it may not be the configuration.",
        )
    if now is not None:
        # Where this fails, the next run looks at Teleport's health once more, and that is all.
        with contextlib.suppress(errors.FileTrouble):
            current.FILE.write(root, now)
    well = f"and {unit} is well with it" if unit else "and no Teleport runs, as before"
    return errors.ChangeRolledBack(
        f"{told}\nThe old configuration is back, {well}",
        hint=f"Mend {paths.CONF} and reconfigure again; until it is edited, this machine does not follow it.",
    )


def only_units(root: paths.Root, wanted: plan_model.Applicable) -> Before:
    """Return how the units stand, where the files are already as `wanted` has them. Raises UnitTrouble."""
    return Before(
        tried=wanted.unit,
        units=units.remember(root, [wanted.units]),
        began=clock.SYSTEM.wall(),
        secret_paths=tuple(each.path for each in wanted.secrets),
    )


def last_words(root: paths.Root, before: Before) -> str:
    """Return what the unit that was tried has left in the journal, a line each for a message; empty without any."""
    said = journal_excerpt.of(
        root,
        before.tried,
        since=before.began,
        secret_paths=before.secret_paths,
        also=[found.content for path, found in before.files.items() if found and path in before.secret_paths],
    )
    return "".join(f"\n  {before.tried}: {line}" for line in said.splitlines())


def _restore(root: paths.Root, before: Before, now: current.Current | None) -> bool:
    """Put the files back as one change, and return whether systemd has to read its own again."""
    with changeset.Changeset(root) as changes:
        for path, found in before.files.items():
            if path != paths.CURRENT:
                changes.restore(path, found)
        for each in before.owned:
            changes.restore_directory(each)
        if now is not None:
            # Whoever is killed before Teleport runs with the old files again leaves that to the next run.
            changes.write_state(current.FILE, dataclasses.replace(now, confirmed=False))
        else:
            changes.remove(paths.CURRENT)
        return plan_files.units_changed(changes.commit())


def _run_again(root: paths.Root, before: Before, units_changed: bool, health_seconds: float) -> health.Verdict:
    if not systemd.is_running(root):
        return health.Verdict(True, "")
    if not _still_runs(before, root):
        _stop_all(before, health_seconds)
        data_reset.put_back(root, before.aside)
    units.apply(root, units.as_remembered(before.units), units_changed=units_changed, stop_seconds=health_seconds)
    watched = _subject(root, before)
    if watched is None:
        return health.Verdict(True, "")
    # However impatient somebody was with the new one: this is the last word on the old one.
    return health.wait(root, watched, seconds=max(health_seconds, health.DEADLINE_SECONDS))


def _still_runs(before: Before, root: paths.Root) -> bool:
    """Whether the Teleport from before the change is in charge, and nobody is about to take over from it.

    So it is after a reload whose successor has ended. Nothing is gained by ending it too, and people's sessions.
    """
    unit = running(before.units)
    if before.process_id is None or unit is None or before.aside is not None:
        return False
    return (
        probe.process_id(root) == before.process_id
        and unit in systemd.units_around(before.process_id)
        and systemd.states([unit])[unit].active == "active"
        and not probe.successors(before.process_id)
    )


def _stop_all(before: Before, seconds: float) -> None:
    """Stop every unit that may run Teleport: the old one and the new one want the same ports."""
    states = systemd.states([unit for unit in unit_table.TELEPORT_SERVICES if unit in before.units])
    systemd.stop_by_force(
        [unit for unit, state in states.items() if state.active not in ("inactive", "failed", "unknown")],
        seconds=min(seconds, systemd.STOP_SECONDS),
    )


def _subject(root: paths.Root, before: Before) -> health.Subject | None:
    """Return what ran before; None where nothing did."""
    unit = running(before.units)
    if unit is None:
        return None
    if before.generation is not None and before.generation.unit == unit:
        return health.subject(before.generation)
    # Configured by hand, or by an older image.
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML)) or {
        "proxy_service": {"enabled": "no"}
    }
    plain_http = "--insecure-no-tls" in (manual_edits.text(root, paths.UNIT_ENVIRONMENT) or "")
    return health.Subject(unit, document, plain_http)


def running(states: Mapping[str, systemd.State]) -> str | None:
    """Return the unit that runs Teleport according to `states`, None where none does."""
    ran = [unit for unit in unit_table.TELEPORT_SERVICES if states.get(unit, systemd.State()).active in RAN]
    return ran[0] if ran else None
