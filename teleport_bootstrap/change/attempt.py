"""Letting Teleport take up what was written, and looking at how it does with it."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import health, pending_files, plan_files, revert, units
from teleport_bootstrap.host import systemd
from teleport_bootstrap.plan import plan_model

logger = logging.getLogger(__name__)

NOT_WAITED = "Teleport's health is not waited for: the boot, or user-data, is still under way, and its unit comes after"


@dataclass(frozen=True)
class Trial:
    """What is tried: what was applied, the Teleport to look at, the machine before, and the paths that changed.

    `action` says how a Teleport that runs takes it up: units.RELOAD or units.RESTART.
    """

    wanted: plan_model.Applicable
    watched: health.Subject
    before: revert.Before
    changed: tuple[str, ...] = ()
    action: str = units.RESTART


def run(root: paths.Root, trial: Trial, *, seconds: float) -> tuple[tuple[str, ...], health.Verdict]:
    """Ask systemd for what `trial` needs, and return what was done, in words, and how Teleport is then.

    systemd may take `seconds` to stop and start, and Teleport as long again to be well. Raises nothing: whatever goes
    wrong, there is a way back to take.
    """
    done: list[str] = []
    try:
        verdict = _try(root, trial, seconds, done)
    except errors.BootstrapError as error:
        verdict = health.Verdict(False, error.message)
    except Exception as error:
        logger.debug("unforeseen", exc_info=True)
        verdict = health.Verdict(False, f"an unforeseen {type(error).__name__} in looking at it")
    return tuple(done), verdict


def _try(root: paths.Root, trial: Trial, seconds: float, done: list[str]) -> health.Verdict:
    wanted, before, watched = trial.wanted, trial.before, trial.watched
    done += units.apply(root, wanted.units, units_changed=plan_files.units_changed(trial.changed), stop_seconds=seconds)
    if not systemd.is_running(root):
        return health.Verdict(True, "")
    pending_files.have_fetched(root, wanted)
    waits = not systemd.is_boot_under_way()
    # Where its data was set aside it was stopped for that, and has just been started.
    stood = systemd.State() if before.aside is not None else before.units.get(wanted.unit, systemd.State())
    said = units.main_unit(
        root,
        wanted.unit,
        before=stood,
        action=trial.action,
        process_id=before.process_id,
        wait=waits,
        seconds=seconds,
    )
    done += [said] if said else []
    if not waits:
        done.append(NOT_WAITED)
        return health.Verdict(True, "")
    if said.startswith("reloaded"):
        watched = dataclasses.replace(watched, successor_of=before.process_id)
    return health.wait(root, watched, seconds=seconds)
