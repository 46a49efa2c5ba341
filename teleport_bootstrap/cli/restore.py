"""`teleport-bootstrap restore`: restore a backup, by default the newest; undo that, or discard what it left."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from teleport_bootstrap import display, json_data, paths, records
from teleport_bootstrap.backup import archive_table
from teleport_bootstrap.change import health, units
from teleport_bootstrap.cli import backup_place, confirmation, options, progress, result
from teleport_bootstrap.host import clock, directory, termination
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import archive_reading, restore, restore_undo
from teleport_bootstrap.plan import comparison, instance_facts
from teleport_bootstrap.restore import proposal
from teleport_bootstrap.state import manual_edits
from teleport_bootstrap.state.previous_state import PreviousState

# Records of this agent, which an operator need not see.
_BOOKKEEPING = (paths.CURRENT, paths.METADATA_CACHE, paths.RESTORED, paths.RESTORED_CONF, paths.RESTORE_UNDO)

EXAMPLE = "teleport-bootstrap restore s3://acme-backups/teleport/ --dry-run"
OPTIONS = (
    options.one_of(
        options.option("archive", "file or s3://; default: TELEPORT_RESTORE_FROM", nargs="?", metavar="ARCHIVE"),
        options.flag("--undo", "return to the state before the last restore"),
        options.flag("--discard-undo", "delete what the last restore set aside"),
    ),
    options.flag("--dry-run", "verify and show what would be done"),
    options.YES,
    options.flag("--force", "set aside existing data of this host"),
    options.flag("--allow-incomplete", "restore an incomplete backup"),
    options.one_of(
        options.flag("--keep-config", "restore teleport.yaml and overrides unchanged"),
        options.flag("--discard-edits", "regenerate teleport.yaml, without manual edits"),
    ),
    options.BUCKET_OWNER,
    options.FIPS,
    options.duration("--health-wait", health.DEADLINE_SECONDS, "timeout for health"),
    options.duration("--wait", clock.WAIT_SECONDS, "timeout for metadata and for AWS"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Restore, undo or discard, and report what was done."""
    doors = options.doors(arguments)
    if not arguments.dry_run:
        termination.outlive_session(doors.root)
    if arguments.undo or arguments.discard_undo:
        return _undo(doors, arguments)
    wishes = archive_reading.Wishes(
        source=arguments.archive,
        kept_in=lambda: backup_place.of_host(doors.root).words,
        may_offer=arguments.dry_run or (not arguments.yes and confirmation.can_ask(arguments)),
        proposal=proposal.Wishes(
            arguments.force, arguments.keep_config, arguments.discard_edits, arguments.allow_incomplete
        ),
        dry_run=arguments.dry_run,
        rehearse=not arguments.yes,
        expected_owner=arguments.expected_bucket_owner,
        health_seconds=arguments.health_wait,
    )
    shown: list[proposal.Proposal] = []

    def agreed(proposed: proposal.Proposal) -> bool:
        before = shown[-1] if shown else None
        shown.append(proposed)
        lines = list(_lines(proposed))
        if before is not None:
            # Asked again only where the rest of the archive has brought something.
            lines = [f"WARNING: {each}" for each in proposed.warnings if each not in before.warnings]
            if not lines:
                return True
        return confirmation.agreed(arguments, [*lines, "Restore this?"])

    outcome = restore.run(doors, gather.NamedBuild(fips=arguments.fips), wishes, agreed, progress.display)
    text = list(_lines(shown[-1])) if shown and arguments.dry_run else []
    warnings = result.warnings(shown[-1].warnings if shown else ())
    data, change = _data(outcome, shown[-1] if shown else None), _change(outcome)
    return result.Result([*text, *_outcome_lines(outcome)], data, findings=warnings, change=change)


def _undo(doors: gather.Doors, arguments: argparse.Namespace) -> result.Result:
    shown: list[str] = []
    ran: list[str | None] = []

    def agreed(made: PreviousState) -> bool:
        ran.append(units.running(made.units))
        shown.extend(_undo_lines(doors.root, made, is_undo=arguments.undo))
        verb = "Undo" if arguments.undo else "Delete the state from before"
        return confirmation.agreed(arguments, [*shown, f"{verb} {made.what}?"])

    outcome = (
        restore_undo.run_undo(doors, agreed, health_seconds=arguments.health_wait)
        if arguments.undo
        else restore_undo.run_discard(doors, agreed)
    )
    if arguments.dry_run:
        outcome = records.replace(outcome, result=restore.PROPOSED)
    lines = [*(shown if arguments.dry_run else ()), *_outcome_lines(outcome, runs=any(ran))]
    return result.Result(lines, _data(outcome, None), change=_change(outcome))


def _undo_lines(root: paths.Root, made: PreviousState, *, is_undo: bool) -> Iterator[str]:
    """Yield what an undo, or the removal of what it needs, does to this host."""
    yield f"{made.what} at {made.made_at}"
    if not is_undo:
        yield from (f"delete {root.path(each.kept)}" for each in made.moved if each.had)
        yield "DANGER: nothing leads back to the state before it any more"
        return
    for each in made.moved:
        yield f"{each.target} is set aside" + (f", and {root.path(each.kept)} takes its place" if each.had else "")
    for path, found in made.files.items():
        if path == paths.TELEPORT_YAML:
            before = manual_edits.text(root, path)
            after = None if found is None else found.content.decode("utf-8", "replace")
            if before != after:
                yield display.Difference(comparison.unified(path, before, after).rstrip())
        elif path not in _BOOKKEEPING and (found and found.content) != directory.content(root, path):
            yield f"{'remove' if found is None else 'restore'} {path}"
    unit = units.running(made.units)
    yield f"Then start {unit}, and wait until Teleport is healthy." if unit else "Then no Teleport runs, as before it."


def _data(outcome: restore.Outcome, proposed: proposal.Proposal | None) -> dict[str, object]:
    return {
        **json_data.data(outcome),
        "health": result.health_word(outcome.health),
        "proposal": None if proposed is None else _proposal_data(proposed),
    }


def _change(outcome: restore.Outcome) -> str:
    is_done = outcome.result in (restore.RESTORED, restore.UNDONE, restore.DISCARDED)
    return _result(outcome) if is_done else ""


def _result(outcome: restore.Outcome) -> str:
    return {
        restore.NOTHING: "nothing to restore; nothing was changed",
        restore.DECLINED: "nothing was changed",
        restore.PROPOSED: "nothing was changed",
        restore.RESTORED: f"restored {outcome.archive}",
        restore.UNDONE: f"undid {outcome.archive}",
        restore.DISCARDED: f"deleted the state from before {outcome.archive}",
    }[outcome.result]


def _outcome_lines(outcome: restore.Outcome, *, runs: bool = True) -> Iterator[str]:
    """Yield how it ended; `runs` is false where no Teleport runs afterwards, whose health could be checked."""
    is_asked = outcome.health or (runs and outcome.result in (restore.RESTORED, restore.UNDONE))
    yield result.closing(_result(outcome), outcome.units, outcome.health if is_asked else None)
    yield from (f"note: {note}" for note in outcome.notes)
    yield from (f"kept: {path}" for path in outcome.kept)
    yield from (f"removed: {path}" for path in outcome.removed)
    if outcome.result == restore.RESTORED:
        yield (
            "`teleport-bootstrap restore --undo` returns to the previous state; `--discard-undo` or the next restore "
            "deletes it"
        )
    elif outcome.result == restore.UNDONE and outcome.kept:
        yield (
            "`teleport-bootstrap restore --undo` undoes this again; `--discard-undo` or the next restore deletes what "
            "is kept"
        )


def _lines(proposed: proposal.Proposal) -> Iterator[str]:
    origin, wanted = proposed.origin, proposed.applicable
    host = [f"cluster {origin.cluster}" if origin.cluster else "", origin.role or "", origin.host or ""]
    made = f", made at {origin.made_at}" if origin.made_at else ""
    state = "verified, but incomplete" if origin.missing_in_all else "verified"
    if proposed.is_partial:
        state = "it is verified while it is unpacked, before anything is replaced"
    yield f"{origin.name}: {', '.join(each for each in host if each) or 'of unknown origin'}{made}; {state}"
    if origin.build is not None:
        yield f"Teleport {origin.build.version} in the archive, {proposed.build.version} here"
    for tree in proposed.trees:
        size, count = proposed.outline.trees[tree]
        yield f"replace {tree}" + ("" if proposed.is_partial else f": {count} entries, {archive_table.size(size)}")
    for path in (*proposed.merged, *proposed.named):
        yield f"write {path}"
    if proposed.adopted is not None:
        left_out = ", ".join(map(str, proposed.adopted.facts))
        yield f"write {instance_facts.ADOPTED} without what is true of the old instance only: {left_out}"
    if proposed.kept_yaml is not None:
        yield "write /etc/teleport.yaml unchanged"
    elif proposed.plan is not None:
        yield "write /etc/teleport.yaml, regenerated for this instance"
    if proposed.edits and proposed.kept_yaml is None:
        yield "These manual edits will be lost:"
        yield display.Difference(proposed.edits.rstrip())
    yield from (f"the present conf is set aside: {each}" for each in proposed.set_aside)
    yield from (f"WARNING: {warning}" for warning in proposed.warnings)
    yield f"Then start {wanted.unit}, and wait until Teleport is healthy."


def _proposal_data(proposed: proposal.Proposal) -> dict[str, object]:
    origin = proposed.origin
    return {
        "archive": origin.name,
        **{key: getattr(origin, key) for key in ("made_at", "cluster", "role", "host")},
        "archive_teleport_version": origin.build.version if origin.build else None,
        "teleport_version": None if proposed.build.assumed else proposed.build.version,
        **archive_table.missing_data(proposed.verified),
        "unit": proposed.applicable.unit,
        "replaced": [
            {"path": tree, **dict(zip(("size_bytes", "entries"), proposed.outline.trees[tree]))}
            for tree in proposed.trees
        ],
        "written": [
            *(*proposed.merged, *proposed.named),
            *([] if proposed.adopted is None else [instance_facts.ADOPTED]),
        ],
        "keeps_teleport_yaml": proposed.kept_yaml is not None,
        "edits": proposed.edits or None,
        "set_aside": proposed.set_aside,
    }
