"""`rollback`: return to an earlier generation, and to a Teleport that is healthy with it."""

from __future__ import annotations

from collections.abc import Callable

from teleport_bootstrap import errors, paths, records
from teleport_bootstrap.change import attempt, health, needed_files, plan_files, session, units, way_back
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.change.unit_action import UnitAction
from teleport_bootstrap.host import trust
from teleport_bootstrap.instance import gather, secret_values
from teleport_bootstrap.operations import host_change
from teleport_bootstrap.records import dataclass, fields
from teleport_bootstrap.secret import Secret
from teleport_bootstrap.state import current, generations, manual_edits, metadata_cache
from teleport_bootstrap.state.previous_state import MovedDirectory

PROPOSED = "proposed"
DECLINED = "declined"
APPLIED = "applied"


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for: the generation, by default the one before the current one, and how.

    With `rehearse`, what would be refused while it is applied is refused before `agreed` is called.
    """

    number: int | None = None
    discard_edits: bool = False
    dry_run: bool = False
    rehearse: bool = False
    health_seconds: float = health.DEADLINE_SECONDS


@dataclass(frozen=True)
class Proposal(host_change.HostChange):
    """The generation to return to, and what that changes on this host.

    `data_aside` is the directory that becomes Teleport's data directory again, if there is one.
    """

    target: generations.Generation
    fetched: secret_values.Fetched
    data_aside: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """The generation that is current now, the files that changed, what was done, Teleport's health, and notes."""

    generation: int
    changed: tuple[str, ...] = ()
    units: tuple[UnitAction, ...] = ()
    health: str = ""
    notes: tuple[str, ...] = ()


def run(doors: gather.Doors, wishes: Wishes, agreed: Callable[[Proposal], bool]) -> Outcome | None:
    """Return to an earlier generation; return None where that is declined.

    `agreed` shows the proposal and says whether to go on. The conf stays as it is; boots and `generate` do not follow
    it until it is edited. Raises UsageError for a number that no kept generation has, GenerationMissing, ManualEdit
    where a manual edit would be lost, and what else speaks against it, by when nothing has changed; ChangeRolledBack
    where Teleport is unhealthy with that generation and everything is as before, UnhealthyAfterRollback, and what
    writing raises.
    """
    root, number = doors.root, wishes.number
    with session.begin(root, "rollback", deadline_seconds=doors.wait_seconds):
        _require_kept(root, number)
        # With a number, this works also where the current generation is unknown.
        now = current.FILE.read(root) if number is None else current.FILE.read_or_warn(root)
        target = generations.load(root, number if number is not None else _previous(root, now))
        proposed = _propose(doors, target, now)
        if proposed.edits and not wishes.discard_edits:
            raise manual_edits.refusal(root, "rollback", proposed.edits)
        if wishes.dry_run or wishes.rehearse:
            plan_files.rehearse(root, _parts(proposed, current.Current(target.number)))
        if not agreed(proposed) or wishes.dry_run:
            return None
        return _carry_out(root, proposed, wishes.health_seconds)


def _propose(doors: gather.Doors, target: generations.Generation, now: current.Current | None) -> Proposal:
    """Compare this host with `target`. Raises UnitTrouble, and NeededFileMissing for a file that Teleport needs."""
    root = doors.root
    units.require(root, target.unit)
    notes = needed_files.require_of_generation(root, target, target.document, takes_license=_takes_license(root))
    fetched = _secrets(doors, target)
    wanted = host_change.Wanted(target, target.teleport_yaml, target.document, fetched.values)
    change = host_change.compare(root, now, wanted)
    # Its data, if an unconfirmed `reconfigure --reset-data` has moved that aside.
    aside = now.data_aside if now is not None and now.previous == target.number else None
    returning = [] if aside is None else [f"{root.path(aside)} becomes {root.path(paths.DATA)} again"]
    described = {each.name: getattr(change, each.name) for each in fields(host_change.HostChange)}
    return Proposal(
        # Whether a reload would do is not asked: something is wrong with the Teleport that runs now.
        **{**described, "action": units.RESTART, "dangers": (*returning, *change.dangers)},
        target=target,
        fetched=fetched,
        data_aside=aside,
        notes=(*notes, *fetched.notes),
    )


def _takes_license(root: paths.Root) -> bool:
    try:
        return gather.build(root, gather.NamedBuild()).takes_license
    except errors.BootstrapError:
        return False  # its version does not matter to anything else here


def _parts(proposed: Proposal, state: current.Current) -> plan_files.Parts:
    target = proposed.target
    return plan_files.Parts(target, proposed.fetched.values, target.teleport_yaml, None, state)


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
            "there is no earlier generation to return to",
            hint="Name one: `teleport-bootstrap rollback N` returns to N, and `teleport-bootstrap history` lists them."
            if kept
            else "Nothing has been applied on this host yet.",
        )
    return older[-1]


def carry_out(
    doors: gather.Doors, target: generations.Generation, now: current.Current, health_seconds: float
) -> Outcome:
    """Bring the host to `target` after an unhealthy change, and see Teleport healthy; under the lock only."""
    return _carry_out(doors.root, _propose(doors, target, now), health_seconds)


def _carry_out(root: paths.Root, proposed: Proposal, health_seconds: float) -> Outcome:
    """Bring the host to the proposed generation and see Teleport healthy with it, or restore what was."""
    target, now, data_aside = proposed.target, proposed.now, proposed.data_aside

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
            way_back.swap_stopped(transaction, way_back.swaps_back(root, [moved]), states, seconds=health_seconds)
        plan_files.stage(transaction, None, _parts(proposed, state))

    words = records.replace(
        attempt.CONFIGURATION,
        tried=f"generation {target.number}",
        again="Everything is as it was before the rollback. `teleport-bootstrap history` lists the other generations.",
    )
    change = attempt.Change(
        f"the rollback to generation {target.number}", target, stage, words=words, stops=data_aside is not None
    )
    done = attempt.run(root, change, seconds=health_seconds)
    changed = plan_files.without_bookkeeping(done.trial.changed)
    notes = (*proposed.notes, *done.notes, *current.note_not_followed(root))
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
