"""Periodic jobs: one run of each at a time, with a record of its result."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable

from teleport_bootstrap import errors, log, paths, records, unit_table
from teleport_bootstrap.hints import ClassVar, TypeVar
from teleport_bootstrap.host import clock, lock
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import state_file

PUBLISH_TOKENS = "publish-tokens"
CERTIFICATE_OBTAIN = "certificate-obtain"
CERTIFICATE_RENEW = "certificate-renew"
CERTIFICATE_INSTALL = "certificate-install"
BACKUP = "backup"
SIGNAL = "signal"
NAMES = (PUBLISH_TOKENS, CERTIFICATE_OBTAIN, CERTIFICATE_RENEW, CERTIFICATE_INSTALL, BACKUP, SIGNAL)

# The timers that start them, and how many seconds apart; 0 for a job that has something to do once in a while.
HOUR = 3600.0
TIMERS = {
    PUBLISH_TOKENS: (unit_table.PUBLISH_TOKENS.timer, HOUR),
    CERTIFICATE_OBTAIN: (unit_table.GET_CERTIFICATE.timer, HOUR),
    CERTIFICATE_RENEW: (unit_table.RENEW_CERTIFICATE.timer, HOUR),
    CERTIFICATE_INSTALL: (unit_table.CHECK_CERTIFICATE.timer, HOUR),
    BACKUP: (unit_table.BACKUP.timer, 24 * HOUR),
    SIGNAL: (unit_table.SIGNAL.timer, 0.0),
}
OVERDUE_PERIODS = 3

SUCCEEDED = "succeeded"
INCOMPLETE = "incomplete"
FAILED = "failed"

# The second of two at once gives up rather soon: the first does the work.
WAIT_SECONDS = 10.0

logger = log.Logger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Job:
    """How a job last ended: `outcome` is SUCCEEDED, INCOMPLETE where it did a part only, or FAILED.

    `detail` says in a line what it did, or why it failed. Times are ISO 8601 in UTC; `last_success` is None while there
    was none.
    """

    json_keys: ClassVar[dict[str, str]] = {"last_run": "last_run_at", "last_success": "last_success_at"}

    name: str
    last_run: str
    last_success: str | None
    outcome: str
    detail: str

    @property
    def timer(self) -> str:
        """The timer that starts it."""
        return TIMERS[self.name][0]

    @property
    def is_periodic(self) -> bool:
        """Whether it is overdue some time after its last run."""
        return TIMERS[self.name][1] > 0

    def trouble(self, now: float) -> str | None:
        """Return what is wrong with it at `now`, in seconds since 1970, in a line; None where it goes well."""
        if self.outcome != SUCCEEDED:
            since = f", and last succeeded {self.last_success}" if self.last_success else ", and never succeeded"
            verb = "was incomplete" if self.outcome == INCOMPLETE else "failed"
            return f"{self.name} {verb} {self.last_run}{since}: {self.detail}"
        age = now - _moment(self.last_success or self.last_run)
        if self.is_periodic and age > OVERDUE_PERIODS * TIMERS[self.name][1]:
            return f"{self.name} has not run since {self.last_run}: look at {self.timer}"
        return None


def run(
    root: paths.Root,
    name: str,
    work: Callable[[], Result],
    detail: Callable[[Result], str],
    *,
    is_complete: Callable[[Result], bool] = lambda _: True,
) -> Result:
    """Do `work`, one of NAMES, and return what it returns; `detail` says what was done, in a line, without secrets.

    Where it is not `is_complete`, it does not count as a success.
    How it ended is recorded, also where it raises, which this then does too. Raises LockBusy where the same job is at
    work already; that does not count as a run.
    """
    with lock.hold(root, name, name=os.path.basename(lock_path(name)), deadline_seconds=WAIT_SECONDS):
        begun = clock.SYSTEM.wall()
        try:
            done = work()
            said = detail(done)
        except errors.BootstrapError as error:
            _record(root, name, begun, FAILED, f"{error.code}: {error.message}")
            raise
        except BaseException as error:
            # Its text is unknown, and may hold anything.
            _record(root, name, begun, FAILED, f"ended by {type(error).__name__}")
            raise
        _record(root, name, begun, SUCCEEDED if is_complete(done) else INCOMPLETE, said)
        return done


def lock_path(name: str) -> str:
    """Return the file that is locked, in the way of flock(2), as long as the job `name` is at work."""
    return f"{paths.STATE}/job-{name}.lock"


def read(root: paths.Root) -> tuple[Job, ...]:
    """Return the jobs that have run here, in the order of NAMES; one whose record cannot be read is left out."""
    return tuple(job for job in (_read(root, name) for name in NAMES) if job is not None)


def _read(root: paths.Root, name: str) -> Job | None:
    with contextlib.suppress(errors.FileTrouble, ValueError):
        job = _file(name).read(root)
        if job is not None:
            _moment(job.last_success or job.last_run)
            return records.replace(job, name=name)
    return None


def _record(root: paths.Root, name: str, begun: float, outcome: str, detail: str) -> None:
    """Write down how a run ended; where that fails, the run has still ended as it did."""
    before = _read(root, name)
    succeeded = clock.iso() if outcome == SUCCEEDED else before.last_success if before else None
    try:
        _file(name).write(root, Job(name, clock.iso(begun), succeeded, outcome, " ".join(detail.split())))
    except errors.FileTrouble as error:
        logger.warning("the result of %s is not recorded: %s", name, error.message)


def _file(name: str) -> state_file.StateFile[Job]:
    return state_file.StateFile(f"{paths.JOBS}/{name}.json", Job, unknown=f"the last run of {name} is unknown")


def _moment(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()
