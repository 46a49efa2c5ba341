"""`rollback`: to the state of an earlier generation, and to a Teleport that is well with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import attempt, changeset, health, plan_files, revert, session
from teleport_bootstrap.instance import gather, secret_values
from teleport_bootstrap.state import current, generations, manual_edits, metadata_cache, new_generation


@dataclass(frozen=True)
class Outcome:
    """The generation that is current now, what changed, what was done, what was seen, and notes."""

    generation: int
    changed: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
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
    """Go back to generation `number`, by default the one before the current one; None where nobody agreed.

    The conf is left as it is, and not followed until it is edited again. Raises GenerationMissing, ManualEdit where a
    person's edits would be lost, ChangeRolledBack where Teleport is not well with that generation and the machine is as
    it was before, UnhealthyAfterRollback, and what writing raises.
    """
    root = doors.root
    with session.begin(root, "rollback", deadline_seconds=doors.wait_seconds):
        # With a number, this works also where the current generation is unknown.
        now = current.FILE.read(root) if number is None else current.FILE.read_or_warn(root)
        target = generations.load(root, number if number is not None else _previous(root, now))
        lost = manual_edits.lost(root, _generation(root, now), target.document)
        if lost and not discard_edits:
            raise manual_edits.refusal(root, "rollback", lost)
        if not agreed(target):
            return None
        return carry_out(doors, target, now, health_seconds)


def _previous(root: paths.Root, now: current.Current | None) -> int:
    kept = generations.numbers(root)
    if now is None and kept:
        raise errors.GenerationMissing(
            f"{root.path(paths.CURRENT)} does not exist, so the previous generation is unknown",
            hint="Name one: `teleport-bootstrap history` lists what there is.",
        )
    older = [each for each in kept if now is not None and each < now.generation]
    if not older:
        raise errors.GenerationMissing(
            "there is no earlier generation to go back to", hint="`teleport-bootstrap history` lists what there is."
        )
    return older[-1]


def carry_out(
    doors: gather.Doors, target: generations.Generation, now: current.Current | None, health_seconds: float
) -> Outcome:
    """Bring the machine to `target`, see Teleport well with it, or put back what was; under the lock only."""
    root = doors.root
    refused = new_generation.conf_digest(root)
    held = None if refused == target.conf_sha256 else refused
    state = current.Current(
        target.number,
        confirmed=False,
        rejected_conf_sha256=held,
        rejected_because=f"rolled back to generation {target.number}",
        previous=now.generation if now is not None and now.confirmed else None,
    )
    fetched = _secrets(doors, target)
    with changeset.Changeset(root) as changes:
        plan_files.stage(
            changes, root, None, plan_files.Parts(target, fetched.values, target.teleport_yaml, None, state)
        )
        before = revert.remember(root, changes, target, _generation(root, now))
        changed = changes.commit()
    trial = attempt.Trial(target, health.subject(target), before, changed)
    done, seen = attempt.run(root, trial, seconds=health_seconds)
    if not seen.well:
        raise revert.back(root, before, seen, now, health_seconds=health_seconds)
    current.FILE.write(root, dataclasses.replace(state, confirmed=True, previous=None))
    shown = tuple(path for path in changed if path not in plan_files.BOOKKEEPING)
    return Outcome(target.number, shown, done, seen.seen, fetched.notes)


def _generation(root: paths.Root, now: current.Current | None) -> generations.Generation | None:
    try:
        return None if now is None else generations.load(root, now.generation)
    except errors.GenerationMissing:
        return None


def _secrets(doors: gather.Doors, target: generations.Generation) -> secret_values.Fetched:
    """Get what the generation names, from the conf where it still is the same, and from SSM; the rest stays."""
    values, notes = {}, []
    if any(each.variable for each in target.secrets):
        conf = gather.conf(doors.root)
        if conf is not None and new_generation.conf_digest(doors.root) == target.conf_sha256:
            values = secret_values.from_conf(target.secrets, conf)
        else:
            notes.append(
                "the token of that time is not kept: what lies there now stays, and a host that has joined needs none"
            )
    fetched = _from_ssm(doors, target)
    return secret_values.Fetched({**values, **fetched.values}, (*notes, *fetched.notes))


def _from_ssm(doors: gather.Doors, target: generations.Generation) -> secret_values.Fetched:
    region = metadata_cache.read(doors.root).get("region")
    if region is None or not any(each.parameter for each in target.secrets):
        return secret_values.Fetched({})
    return secret_values.fetch_or_keep(target.secrets, region, target.fips, doors)
