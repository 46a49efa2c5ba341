"""What was done on this host: by whom, with which result, and from which generation to which.

A record for people: nothing depends on it, so that it may be lost, and that it cannot be written is never a failure.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from teleport_bootstrap import display, errors, paths
from teleport_bootstrap.host import clock, lock
from teleport_bootstrap.state import current, state_file

logger = logging.getLogger(__name__)

KEEP = 200
LONGEST = 500

DONE = "done"
INCOMPLETE = "incomplete"
FAILED = "failed"
ROLLED_BACK = "rolled back"
UNHEALTHY = "unhealthy"
INTERRUPTED = "interrupted"

_LOCK = "events.lock"
_WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class Event:
    """One thing that was done; `at` is ISO 8601 in UTC, `command` the words of it, `result` one of those above.

    `what` says in a line what was done, or why it failed; it holds no secret. `status` is the exit status. `before` and
    `after` are the current generations before and after it.
    """

    at: str
    command: str
    who: str
    result: str
    what: str
    status: int = 0
    before: int | None = None
    after: int | None = None

    @property
    def line(self) -> str:
        """The event in one line, without its time."""
        how = "" if self.result == DONE else f"{self.result}, exit status {self.status}: "
        moved = f" (it was generation {self.before})" if self.before is not None and self.before != self.after else ""
        return f"{self.command} by {self.who}: {how}{self.what}{moved}"


FILE: state_file.StateFile[tuple[Event, ...]] = state_file.StateFile(
    paths.EVENTS, tuple[Event, ...], unknown="it is unknown what was done on this host earlier"
)


def make(command: str, who: str, result: str, what: str, **more: int | None) -> Event:
    """Return an event of this moment, with `what` as one line of bounded length, without secrets."""
    return Event(clock.iso(), command, who, result, display.line(what.split("\n", 1)[0])[:LONGEST], **more)  # type: ignore[arg-type]


def generation(root: paths.Root) -> int | None:
    """Return the number of the current generation, None without one, or where that is unknown."""
    try:
        now = current.FILE.read(root)
    except errors.BootstrapError:
        return None
    return None if now is None else now.generation


def read(root: paths.Root) -> tuple[Event, ...]:
    """Return what was done here, the oldest first."""
    return FILE.read_or_warn(root) or ()


def add(root: paths.Root, event: Event) -> None:
    """Add `event`; where that fails, what it tells of has happened nevertheless."""
    try:
        with lock.hold(root, "the record of events", name=_LOCK, deadline_seconds=_WAIT_SECONDS):
            FILE.write(root, (*read(root), event)[-KEEP:])
    except errors.BootstrapError as error:
        logger.warning("this is not in the history: %s", error.message)
