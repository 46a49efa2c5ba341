"""What was done on this host: by whom, with which result, and from which generation to which.

A record for people: nothing depends on it, so that it may be lost, and that it cannot be written is never a failure.
"""

from __future__ import annotations

import contextlib
import os

from teleport_bootstrap import display, errors, log, paths
from teleport_bootstrap.host import clock, directory, lock
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import current, state_file

logger = log.Logger(__name__)

KEEP = 200
LONGEST = 500

DONE = "done"
INCOMPLETE = "incomplete"
FAILED = "failed"
ROLLED_BACK = "rolled back"
UNHEALTHY = "unhealthy"
INTERRUPTED = "interrupted"
RESULTS = (DONE, INCOMPLETE, FAILED, ROLLED_BACK, UNHEALTHY, INTERRUPTED)

_LOCK = "events.lock"
# What stood in the place of the record and could not be read, beside it.
_ASIDE = "unreadable-events.json"
_WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class Event:
    """One thing that was done: the words of the `command`, and `result`, one of those above.

    `ended_at` is ISO 8601 in UTC. `what` says in a line what was done, or why it failed; it holds no secret. The two
    generations are those that were current before and after it.
    """

    ended_at: str
    command: str
    who: str
    result: str
    what: str
    exit_status: int = 0
    generation_before: int | None = None
    generation: int | None = None

    @property
    def line(self) -> str:
        """The event in one line, without its time."""
        how = "" if self.result == DONE else f"{self.result}, exit status {self.exit_status}: "
        earlier = self.generation_before
        moved = f" (it was generation {earlier})" if earlier is not None and earlier != self.generation else ""
        return f"{self.command} by {self.who}: {how}{self.what}{moved}"


FILE: state_file.StateFile[tuple[Event, ...]] = state_file.StateFile(
    paths.EVENTS,
    tuple[Event, ...],
    unknown="it is unknown what was done on this host earlier",
    hint="The next change sets it aside and begins another record; the journal has a line for each command.",
)


def make(command: str, who: str, result: str, what: str, **more: int | None) -> Event:
    """Return an event of this moment, with `what` as one line of bounded length, without secrets."""
    return Event(clock.iso(), command, who, result, display.line(what.split("\n", 1)[0])[:LONGEST], **more)  # type: ignore[arg-type]


def current_generation(root: paths.Root) -> int | None:
    """Return the number of the current generation, None without one, or where that is unknown."""
    try:
        now = current.FILE.read(root)
    except errors.BootstrapError:
        return None
    return None if now is None else now.generation


def read(root: paths.Root) -> tuple[Event, ...]:
    """Return what was done here, the oldest first. Raises FileTrouble where that is unknown."""
    found = FILE.read(root)
    if found is None and (obstacle := directory.obstacle(root, paths.EVENTS)):
        raise errors.FileTrouble(
            f"{root.path(paths.EVENTS)} cannot be read, so {FILE.unknown}: {obstacle}", hint=FILE.hint
        )
    return found or ()


def add(root: paths.Root, event: Event) -> None:
    """Add `event`; where that fails, what it describes has happened nevertheless."""
    try:
        with lock.hold(root, "the record of events", name=_LOCK, deadline_seconds=_WAIT_SECONDS):
            FILE.write(root, (*_earlier(root), event)[-KEEP:])
    except errors.BootstrapError as error:
        logger.warning("this is not in the history: %s", error.message)
    except (OSError, MemoryError) as error:
        logger.warning("this is not in the history: %s", type(error).__name__)


def _earlier(root: paths.Root) -> tuple[Event, ...]:
    """Return what `read` returns; a record that cannot be read is set aside, and another one begins."""
    try:
        return read(root)
    except errors.FileTrouble as error:
        parent, name = os.path.split(root.path(paths.EVENTS))
        with errors.file_trouble_at(f"{parent}/{name}"), contextlib.closing(directory.Directory(parent)) as opened:
            opened.rename(name, _ASIDE)
            opened.sync()
        logger.warning("%s. It is kept as %s", error.message, f"{parent}/{_ASIDE}")
        return ()
