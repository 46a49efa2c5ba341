"""`rollback`: return to an earlier generation, and to a Teleport that is healthy with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import attempt, health, plan_files, session, units
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.host import trust
from teleport_bootstrap.instance import gather, secret_values
from teleport_bootstrap.secret import Secret
from teleport_bootstrap.state import current, generations, manual_edits, metadata_cache
from teleport_bootstrap.state.previous_state import MovedDirectory


@dataclass(frozen=True)
class Outcome:
    """The generation that is current now, the files that changed, what was done, Teleport's health, and notes."""

    generation: int
    changed: tuple[str, ...] = ()
    units: tuple[UnitAction, ...] = ()
    health: str = ""
    notes: tuple[str, ...] = ()


def run(
    doors: gather.Doors,
    number: int | None,
    agreed: Callable[[generations.Generation], bool],
    *,
    discard_edits: bool = False,
    health_seconds: float = health.DEADLINE_SECONDS,
) -> Outcome | None:
    """Return to generation `number`, by default the one before the current one; return None where that is declined.

    The conf stays as it is; boots and `generate` do not follow it until it is edited. Raises UsageError for a number
    that no kept generation has, GenerationMissing, ManualEdit where a manual edit would be lost, ChangeRolledBack where
    Teleport is unhealthy with that generation and everything is as before, UnhealthyAfterRollback, and what writing
    raises.
    """
    root = doors.root
    with session.begin(root, "rollback", deadline_seconds=doors.wait_seconds):
        _require_kept(root, number)
        # With a number, this works also where the current generation is unknown.
        now = current.FILE.read(root) if number is None else current.FILE.read_or_warn(root)
        target = generations.load(root, number if number is not None else _previous(root, now))
        lost = manual_edits.lost(root, current.known_generation(root, now), target.document)
        if lost and not discard_edits:
            raise manual_edits.refusal(root, "rollback", lost)
        # Its data, if an unconfirmed `reconfigure --reset-data` has moved that aside.
        aside = now.data_aside if now is not None and now.previous == target.number else None
        return carry_out(doors, target, now, health_seconds, data_aside=aside) if agreed(target) else None


def _require_kept(root: paths.Root, number: int | None) -> None:
    """Raise UsageError where `number` is none of the generations here: it was mistyped, or is not kept any more."""
    kept = generations.numbers(root)
    if number is not None and number not in kept:
        numbers = ", ".join(map(str, kept)) or "none"
        raise errors.UsageError(
            f"generation {number} does not exist; these do: {numbers}",
            hint="`teleport-bootstrap history` says when and by whom each was made. Nothing was changed.",
        )


def _previous(root: paths.Root, now: current.Current | None) -> int:
    kept = generations.numbers(root)
    if now is None and kept:
        raise errors.GenerationMissing(
            f"{root.path(paths.CURRENT)} does not exist, so the previous generation is unknown",
            hint="Name one: `teleport-bootstrap history` lists them.",
        )
    older = [each for each in kept if now is not None and each < now.generation]
    if not older:
        raise errors.GenerationMissing(
            "there is no earlier generation to return to", hint="`teleport-bootstrap history` lists them."
        )
    return older[-1]


def carry_out(
    doors: gather.Doors,
    target: generations.Generation,
    now: current.Current | None,
    health_seconds: float,
    *,
    data_aside: str | None = None,
) -> Outcome:
    """Bring the machine to `target` and see Teleport healthy with it, or restore what was; under the lock only.

    `data_aside` becomes Teleport's data directory again.
    """
    root = doors.root
    fetched = _secrets(doors, target)

    def stage(transaction: Transaction, states: units.States) -> None:
        data = trust.read(root, paths.CONF)
        is_followed = data is None or generations.is_of(target, data)
        state = current.Current(
            target.number,
            confirmed=False,
            rejected_conf_sha256=None if is_followed or data is None else generations.digest(data),
            rejected_because=f"rolled back to generation {target.number}",
            previous=now.generation if now is not None and now.confirmed else None,
        )
        if data_aside is not None:
            moved = MovedDirectory(paths.DATA, data_aside, had=True)
            attempt.swap_stopped(transaction, attempt.swaps_back(root, [moved]), states, seconds=health_seconds)
        parts = plan_files.Parts(target, fetched.values, target.teleport_yaml, None, state)
        plan_files.stage(transaction, None, parts)

    change = attempt.Change(f"the rollback to generation {target.number}", target, stage, stops=data_aside is not None)
    done = attempt.run(root, change, seconds=health_seconds)
    changed = plan_files.without_bookkeeping(done.trial.changed)
    notes = (*fetched.notes, *done.notes, *current.note_not_followed(root))
    return Outcome(target.number, changed, done.units, done.seen, notes)


def _secrets(doors: gather.Doors, target: generations.Generation) -> secret_values.Fetched:
    """Return what the generation names, from the conf where that is still the same, and from SSM; the rest stays."""
    values: dict[str, Secret] = {}
    notes: tuple[str, ...] = ()
    if any(each.variable for each in target.secrets):
        conf = gather.conf(doors.root)
        if conf is not None and {conf.sha256, conf.meaning_sha256} & {target.conf_sha256, target.conf_meaning_sha256}:
            values = secret_values.from_conf(target.secrets, conf)
        else:
            notes = (
                "the token of that time is not kept: the present one stays, and a host that has joined needs none",
            )
    region = metadata_cache.read(doors.root).get("region")
    if region is not None and any(each.parameter for each in target.secrets):
        fetched = secret_values.fetch_or_keep(target.secrets, region, target.fips, doors)
        values, notes = {**values, **fetched.values}, (*notes, *fetched.notes)
    return secret_values.Fetched(values, notes)
