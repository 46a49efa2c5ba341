"""The one reading of an archive that is restored: what speaks against it is found as early as possible."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from teleport_bootstrap import errors, log
from teleport_bootstrap.archive import interface, verify
from teleport_bootstrap.change import health
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.hints import Any
from teleport_bootstrap.instance import gather
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.restore import archive_configuration, incoming, proposal, this_host

logger = log.Logger(__name__)

# Beyond the free space, so that the message on an archive that is too large can show figures.
_BEYOND_FREE = 1024 * 1024 * 1024

# What is refused at once may be so because the archive is damaged. That is looked for in archives up to this size.
_READ_AGAIN = 64 * 1024 * 1024
_OF_THE_READING = (
    *(errors.ArchiveDamaged, errors.ArchiveUnsafe, errors.ArchiveUnknown),
    *(errors.ConfirmationNeeded, errors.FileTrouble),
)

# `progress(what, bytes)` gives a context manager for a step that goes through so many bytes, None where unknown.
Progress = Callable[[str, "int | None"], contextlib.AbstractContextManager["interface.Progress | None"]]


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for: the archive, or with None what the conf asks for and was not restored yet.

    Where neither names one, the newest archive of the place `kept_in` is restored if there is an operator to ask, which
    `may_offer` says; None is the usual place, and with it comes the account that must own a bucket.
    """

    source: str | None
    proposal: proposal.Wishes
    kept_in: Callable[[], tuple[str | None, str | None]] = lambda: (None, None)
    may_offer: bool = False
    dry_run: bool = False
    rehearse: bool = False
    expected_owner: str | None = None
    health_seconds: float = health.DEADLINE_SECONDS


class _Declined(Exception):
    """The operator does not want it."""


class Reading:
    """The one reading of an archive: judges it as early as possible, and unpacks it. A context manager."""

    def __init__(
        self,
        doors: gather.Doors,
        named: gather.NamedBuild,
        wishes: Wishes,
        source: interface.Source,
        *,
        agreed: Callable[[proposal.Proposal], bool],
        rehearse: Callable[[proposal.Proposal], None],
        progress: Progress,
    ) -> None:
        self.source = source
        self._doors = doors
        self._named = named
        self._wishes = wishes
        self._agreed = agreed
        # Not with --yes, where a rehearsal would only be one more thing to be interrupted.
        self._rehearse = rehearse if wishes.dry_run or wishes.rehearse else _not_rehearsed
        self._progress = progress
        self._early: proposal.Proposal | None = None
        self._opened = contextlib.ExitStack()
        # For the progress, which begins after the operator was asked.
        self._shown = contextlib.ExitStack()
        self._told: interface.Progress | None = None
        self._done = (0, 0)
        self.incoming: incoming.Incoming | None = None

    def __enter__(self) -> None:
        """Nothing is open yet."""

    def __exit__(self, *_: object) -> None:
        with self._opened:
            self._shown.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of the proposal, as far as there is one."""
        return () if self._early is None else self._early.notes

    def proposal(self, transaction: Transaction) -> proposal.Proposal | None:
        """Read all of the archive, and return what to do; None where the operator does not want it, or a dry run ends.

        What is replaced is unpacked by then.
        """
        wishes, root = self._wishes, self._doors.root
        self.incoming = self._opened.enter_context(
            incoming.Incoming(
                transaction, self.source, judge=self._judge, decide=self._decide, stages=not wishes.dry_run
            )
        )
        limits = interface.Limits().with_room(this_host.free_bytes(root) + _BEYOND_FREE)
        try:
            found = verify.verify(
                self.source,
                limits=limits,
                progress=self._tell,
                keep=archive_configuration.KeepFilter(),
                receiver=self.incoming,
            )
        except _Declined:
            return None
        except errors.BootstrapError as error:
            self._look_for_damage(error)
            raise
        verified = self._opened.enter_context(found)
        self._shown.close()
        logger.info("%s is whole: %d files", self.source.name, verified.totals.files)
        if self._early is None:
            proposed = proposal.make(self._doors, self._named, wishes.proposal, verified)
            self._rehearse(proposed)
        else:
            proposed = proposal.complete(root, self._early, wishes.proposal, verified, is_unpacked=not wishes.dry_run)
        self._early = proposed
        return proposed if self._agreed(proposed) and not wishes.dry_run else None

    def _look_for_damage(self, error: errors.BootstrapError) -> None:
        """Raise ArchiveDamaged if that is why an archive of moderate size does not fit this host."""
        if isinstance(error, _OF_THE_READING) or (self.source.size or _READ_AGAIN) >= _READ_AGAIN:
            return
        with contextlib.suppress(errors.ArchiveUnsafe, errors.ArchiveUnknown), verify.verify(self.source):
            pass

    def _judge(self, header: Mapping[str, Any], data: tuple[str, ...]) -> None:
        proposal.check_header(
            self._doors.root, self._named, self._wishes.proposal, self.source, header=header, data=data
        )

    def _decide(self, verified: interface.Verified) -> None:
        wishes = self._wishes
        self._early = proposal.make(self._doors, self._named, wishes.proposal, verified, is_partial=True)
        self._rehearse(self._early)
        if not wishes.dry_run and not self._agreed(self._early):
            raise _Declined
        what = "verifying" if wishes.dry_run else "unpacking"
        self._told = self._shown.enter_context(self._progress(what, self.source.size))
        # All of a small archive may have been read by now.
        self._tell(*self._done)

    def _tell(self, done: int, entries: int) -> None:
        self._done = (done, entries)
        if self._told is not None:
            self._told(done, entries)


def _not_rehearsed(proposed: proposal.Proposal) -> None:
    """Do nothing: the restore itself finds out."""
