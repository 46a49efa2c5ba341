"""The way back from a change: what was there before it, put in place and started again."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from teleport_bootstrap import errors, paths, records, unit_table
from teleport_bootstrap.change import directory_swap, handover, health, journal, plan_files, session, units
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.host import systemd, termination
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.state import current
from teleport_bootstrap.state.previous_state import UNDO, MovedDirectory, PreviousState


def restore_previous(
    root: paths.Root,
    previous: PreviousState,
    *,
    seconds: float,
    process_id: int | None = None,
    rejected: tuple[str, str] | None = None,
    is_undo: bool = False,
    discard: bool = False,
    wait: bool = True,
) -> tuple[PreviousState, health.Verdict]:
    """Restore `previous` as one transaction and start what ran then; return the way back from that, and the health.

    The Teleport `process_id` is not restarted if it is still in charge. `rejected` is the digest of a conf that is not
    followed any more, and why. Directories that are replaced are removed with `discard`; with `is_undo`, `restore
    --undo` returns to them. Teleport's health is waited for unless `wait` is false. Raises FileTrouble and UnitTrouble,
    after which nothing has changed.
    """
    states = units.remember(root, plan_model.Units(), also=units.WRITERS) if previous.moved else {}
    swaps = swaps_back(root, previous.moved, directory_swap.BEFORE_UNDO if is_undo else directory_swap.FAILED)
    try:
        with Transaction(root) as change:
            if swaps:
                change.reserve((), writing=previous.files)
                swap_stopped(change, swaps, states, seconds=seconds)
            for path, found in previous.files.items():
                if path != paths.CURRENT:
                    change.restore(path, found)
            for owner in previous.owners:
                change.restore_owner(owner)
            _stage_current(change, previous, rejected)
            back = change.previous(f"the undoing of {previous.what}", states)
            if is_undo:
                left = UNDO.read(root)
                change.write_state(UNDO, records.replace(back, outdated=left.outdated if left else ()))
            active = [unit for unit, each in previous.units.items() if each.active == "active"]
            replaced = [directory_swap.container(each.kept) for each in swaps]
            changed = change.commit(discard=replaced if discard else (), start=active)
    except BaseException:
        session.start_stopped(root)
        raise
    try:
        verdict = _start_previous(root, previous, changed, process_id, seconds, wait=wait)
    except errors.BootstrapError as error:
        verdict = health.Verdict(False, error.message)
    else:
        with contextlib.suppress(errors.FileTrouble):
            journal.units_are_started(root)
    if verdict.healthy:
        # Where this fails, the next reconfigure looks at Teleport's health once more, and that is all.
        with contextlib.suppress(errors.FileTrouble):
            current.confirm(root)
    current.settle(root)
    return back, verdict


def swap_stopped(
    change: Transaction, swaps: Sequence[directory_swap.Swap], states: units.States, *, seconds: float
) -> None:
    """Stop what writes and swap directories; recovery starts it again. Raises FileTrouble and UnitTrouble."""
    change.will_stop(units.to_start_again(states))
    units.stop_all(change.root, states, seconds=seconds)
    change.swap(swaps)


def swaps_back(
    root: paths.Root, moved: Sequence[MovedDirectory], word: str = directory_swap.FAILED
) -> list[directory_swap.Swap]:
    """Return the swaps that put `moved` directories back; what they replace gets names with `word`."""
    stamp = directory_swap.stamp(root, [each.target for each in moved])
    return [
        directory_swap.prepared(
            root, each.target, each.kept if each.had else None, directory_swap.place(root, each.target, word, stamp)
        )
        for each in moved
    ]


def _stage_current(change: Transaction, previous: PreviousState, rejected: tuple[str, str] | None) -> None:
    """Stage what is current: not confirmed, since a run that is killed now has not seen Teleport healthy."""
    found = previous.files.get(paths.CURRENT)
    try:
        state = None if found is None else current.FILE.value(found.content)
    except ValueError:
        state = None
    if state is not None:
        sha256, because = rejected or (state.rejected_conf_sha256, state.rejected_because)
        state = records.replace(state, confirmed=False, rejected_conf_sha256=sha256, rejected_because=because)
        change.write_state(current.FILE, state)
    elif paths.CURRENT in previous.files:
        change.restore(paths.CURRENT, found)


def _start_previous(
    root: paths.Root,
    previous: PreviousState,
    changed: tuple[str, ...],
    process_id: int | None,
    seconds: float,
    *,
    wait: bool,
) -> health.Verdict:
    if not systemd.is_running(root):
        return health.Verdict(True, "")
    is_stale = bool(previous.moved) or plan_files.units_changed(changed)
    # Between the stop and the start, a signal would leave Teleport stopped.
    with termination.uninterrupted():
        is_kept = _is_in_charge(root, process_id, previous)
        if not is_kept:
            states = systemd.states([unit for unit in unit_table.TELEPORT_SERVICES if unit in previous.units])
            # The old one and the new one want the same ports.
            systemd.stop_by_force(
                [unit for unit, state in states.items() if state.active not in units.AT_REST],
                seconds=handover.stop_seconds(process_id, min(seconds, systemd.STOP_SECONDS)),
            )
        units.apply(root, units.as_remembered(previous.units), units_changed=is_stale, stop_seconds=seconds)
    watched = _subject(root, previous)
    if watched is None or not wait or systemd.is_boot_under_way():
        return health.Verdict(True, "")
    if is_kept:
        watched = records.replace(watched, watch_seconds=0.0)  # it has run all the time
    # A short deadline was meant for the new state; this is the last word on the previous one.
    return health.wait(root, watched, seconds=max(seconds, health.DEADLINE_SECONDS))


def _is_in_charge(root: paths.Root, process_id: int | None, previous: PreviousState) -> bool:
    """Whether the Teleport from before the change serves on, without its successor.

    So it is after a reload whose successor has failed. Ending it too would only end people's sessions.
    """
    unit = units.running(previous.units)
    if process_id is None or unit is None or previous.moved:
        return False
    return (
        unit in systemd.units_around(process_id)
        and systemd.states([unit])[unit].active == "active"
        and handover.keep_in_charge(root, process_id)
    )


def _subject(root: paths.Root, previous: PreviousState) -> health.Subject | None:
    """Return what ran before and runs again; None where nothing did."""
    unit = units.running(previous.units)
    if unit is None:
        return None
    generation = current.known_generation(root, current.FILE.read_or_warn(root))
    # Without one, it was configured manually, or by an older image.
    return health.subject(root, unit, generation if generation is not None and generation.unit == unit else None)
