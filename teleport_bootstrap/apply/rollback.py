"""`rollback`: to the state of an earlier generation, and to a Teleport that is well with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.apply import (
    current,
    edits,
    gather,
    generations,
    health,
    last_known,
    record,
    restoring,
    secrets,
    session,
    trial,
    write,
)
from teleport_bootstrap.host import changeset, root


@dataclass(frozen=True)
class Outcome:
    """The generation that is current now, what changed, what was done, what was seen, and notes."""

    generation: int
    changed: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    seen: str = ""
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

    The conf is left as it is, and not followed until it is edited again. Raises GenerationMissing, HandEdited where a
    person's edits would be lost, RolledBack where Teleport is not well with that generation and the machine is as it
    was before, StillSick, and what writing raises.
    """
    where = doors.where
    with session.begin(where, "rollback", deadline_seconds=doors.wait_seconds):
        # With a number, this is the way out where nobody can tell what is current.
        now = current.read(where) if number is None else current.known(where)
        target = generations.load(where, number if number is not None else _previous(where, now))
        lost = edits.lost(where, _generation(where, now), target.document)
        if lost and not discard_edits:
            raise edits.refusal(where, "rollback", lost)
        if not agreed(target):
            return None
        return carry_out(doors, target, now, health_seconds)


def _previous(where: root.Root, now: current.Current | None) -> int:
    kept = generations.numbers(where)
    if now is None and kept:
        raise errors.GenerationMissing(
            f"{where.path(paths.CURRENT)} is gone, so nobody can tell which generation was the one before",
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
    where = doors.where
    refused = record.conf_digest(where)
    held = None if refused == target.conf_sha256 else refused
    state = current.Current(
        target.number,
        confirmed=False,
        held_conf_sha256=held,
        held_because=f"rolled back to generation {target.number}",
        previous=now.generation if now is not None and now.confirmed else None,
    )
    fetched = _secrets(doors, target)
    with changeset.Changeset(where) as changes:
        write.stage(changes, where, None, write.Parts(target, fetched.values, target.teleport_yaml, None, state))
        before = restoring.remember(where, changes, target, _generation(where, now))
        changed = changes.commit()
    attempt = trial.Trial(target, health.subject(target), before, changed)
    done, seen = trial.run(where, attempt, seconds=health_seconds)
    if not seen.well:
        raise restoring.back(where, before, seen, now, health_seconds=health_seconds)
    current.write(where, dataclasses.replace(state, confirmed=True, previous=None))
    shown = tuple(path for path in changed if path not in write.BOOKKEEPING)
    return Outcome(target.number, shown, done, seen.seen, fetched.notes)


def _generation(where: root.Root, now: current.Current | None) -> generations.Generation | None:
    try:
        return None if now is None else generations.load(where, now.generation)
    except errors.GenerationMissing:
        return None


def _secrets(doors: gather.Doors, target: generations.Generation) -> secrets.Fetched:
    """Get what the generation names, from the conf where it still is the same, and from SSM; the rest stays."""
    values, notes = {}, []
    if any(each.variable for each in target.secrets):
        given = gather.settings(doors.where)
        if given is not None and record.conf_digest(doors.where) == target.conf_sha256:
            values = secrets.from_conf(target.secrets, given)
        else:
            notes.append(
                "the token of that time is not kept: what lies there now stays, and a host that has joined needs none"
            )
    fetched = _from_ssm(doors, target)
    return secrets.Fetched({**values, **fetched.values}, (*notes, *fetched.notes))


def _from_ssm(doors: gather.Doors, target: generations.Generation) -> secrets.Fetched:
    region = last_known.read(doors.where).get("region")
    if region is None or not any(each.parameter for each in target.secrets):
        return secrets.Fetched({})
    return secrets.fetch(target.secrets, region, target.fips, doors)
