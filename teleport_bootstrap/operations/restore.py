"""`restore`: an archive put in place on this instance, and a Teleport that is well with it, or back to where it was."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from teleport_bootstrap import errors
from teleport_bootstrap.archive import interface, verify
from teleport_bootstrap.change import health, revert, session
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.host import termination
from teleport_bootstrap.instance import gather
from teleport_bootstrap.operations import restore_steps, restore_undo
from teleport_bootstrap.restore import archive_choice, archive_configuration, proposal, this_host
from teleport_bootstrap.state import restore_record

logger = logging.getLogger(__name__)

RESTORED = "restored"
DECLINED = "declined"
NOTHING = "nothing"
UNDONE = "undone"
DISCARDED = "discarded"

# Beyond what is free, so that an archive that is merely too large is told with figures.
_BEYOND_FREE = 1024 * 1024 * 1024

# `progress(what, bytes)` gives a context manager for a step that goes through so many bytes, None where nobody knows.
Progress = Callable[[str, "int | None"], contextlib.AbstractContextManager["interface.Progress | None"]]


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for: the archive, or with None what the conf asks for and was not restored yet."""

    source: str | None
    proposal: proposal.Wishes = field(default_factory=proposal.Wishes)
    dry_run: bool = False
    expected_owner: str | None = None
    health_seconds: float = health.DEADLINE_SECONDS


@dataclass(frozen=True)
class Outcome:
    """What became of it: one of the words above, and what carry_out tells. `kept` is where what was here is now."""

    what: str
    archive: str = ""
    generation: int | None = None
    units: tuple[str, ...] = ()
    seen: str = ""
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@contextlib.contextmanager
def silent(what: str, size: int | None) -> Iterator[interface.Progress | None]:  # noqa: ARG001 - see Progress
    """Tell nobody of the progress."""
    yield None


def run(
    doors: gather.Doors,
    named: gather.NamedBuild,
    wishes: Wishes,
    agreed: Callable[[proposal.Proposal], bool],
    *,
    progress: Progress = silent,
) -> Outcome:
    """Restore, and see that Teleport is well.

    `agreed` shows the proposal and says whether to go on. Raises BackupMissing; ArchiveDamaged, ArchiveUnsafe and
    ArchiveUnknown; RestoreRefused, ManualEdit and what else speaks against it, by when nothing has changed;
    ChangeRolledBack and UnhealthyAfterRollback; and what writing raises, after which everything is as it was.
    """
    root = doors.root
    with session.begin(root, "restore", deadline_seconds=doors.wait_seconds), termination.as_exception():
        conf = gather.conf(root)
        asked = restore_record.pending(root, conf)
        text = wishes.source or asked
        if text is None:
            return _nothing(doors, conf)
        source = archive_choice.find(text, doors, conf, expected_owner=wishes.expected_owner)
        limits = interface.Limits().with_room(this_host.free_bytes(root) + _BEYOND_FREE)
        with progress(f"verifying {source.name}", source.size) as told:
            verified = verify.verify(source, limits=limits, progress=told, keep=archive_configuration.KeepFilter())
        with verified:
            logger.info("%s is whole: %d files", source.name, verified.totals.files)
            proposed = proposal.make(doors, named, wishes.proposal, verified)
            if not agreed(proposed) or wishes.dry_run:
                return Outcome(DECLINED, source.name, notes=proposed.notes)
            with progress(f"unpacking {source.name}", source.size) as told:
                done = restore_steps.run(
                    doors,
                    source,
                    proposed,
                    asked=asked,
                    health_seconds=wishes.health_seconds,
                    progress=told,
                )
        return Outcome(RESTORED, source.name, done.generation, done.units, done.seen, done.kept, done.notes)


def _nothing(doors: gather.Doors, conf: conf_file.Conf | None) -> Outcome:
    notes = () if conf is None else restore_record.ignored(doors.root, conf)
    if not notes:
        raise errors.UsageError(
            "nothing says which archive to restore: the conf has no TELEPORT_RESTORE_FROM",
            hint="Name one: a file, s3://bucket/key, or s3://bucket/prefix/ for the newest one there.",
        )
    return Outcome(NOTHING, notes=notes)


def run_undo(doors: gather.Doors, agreed: Callable[[restore_undo.Undo], bool], *, health_seconds: float) -> Outcome:
    """Put back what the last restore has put aside; what is here now is put aside in its turn.

    Raises UndoMissing where there is nothing to put back, UnhealthyAfterRollback where Teleport is not well with it.
    """
    root = doors.root
    with session.begin(root, "restore --undo", deadline_seconds=doors.wait_seconds), termination.as_exception():
        made = _required(doors)
        if not agreed(made):
            return Outcome(DECLINED)
        answer = restore_steps.go_back(root, made, health_seconds)
        if isinstance(answer, errors.BootstrapError):
            raise answer
        back, seen = answer
        kept = tuple(root.path(each.kept) for each in back.aside if each.had)
        if not seen.well:
            ran = revert.running(made.units)
            raise errors.UnhealthyAfterRollback(
                f"{made.what} is undone, but {ran or 'systemd'} is not well: {seen.seen}",
                hint=f"Look at `journalctl -b -u {ran}`; `teleport-bootstrap restore --undo` undoes this again.",
            )
        asked = restore_record.pending(root, gather.conf(root))
        notes = () if asked is None else (f"the conf here asks to restore {asked}: the next boot does that again",)
        return Outcome(UNDONE, made.what, seen=seen.seen, kept=kept, notes=notes)


def run_discard(doors: gather.Doors, agreed: Callable[[restore_undo.Undo], bool]) -> Outcome:
    """Remove what the last restore has put aside, for good. Raises UndoMissing where there is nothing."""
    with session.begin(doors.root, "restore --discard-undo", deadline_seconds=doors.wait_seconds):
        made = _required(doors)
        if not agreed(made):
            return Outcome(DECLINED)
        return Outcome(DISCARDED, made.what, kept=restore_undo.discard(doors.root, made))


def _required(doors: gather.Doors) -> restore_undo.Undo:
    made = restore_undo.read(doors.root)
    if made is None:
        raise errors.UndoMissing(
            "no restore has put anything aside here", hint="There is nothing to put back, and nothing to remove."
        )
    return made
