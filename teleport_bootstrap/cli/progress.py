"""The progress of a long step: a line on a terminal, or log messages at its start and end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from teleport_bootstrap import log
from teleport_bootstrap.archive import interface
from teleport_bootstrap.backup import archive_table
from teleport_bootstrap.hints import TextIO
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import output, underway

logger = log.Logger(__name__)

# The line is drawn at most this often, and not at all for a step that is shorter.
EVERY_SECONDS = 0.2
# The rate is that of the last seconds, since it may change.
WINDOW_SECONDS = 10.0


@contextlib.contextmanager
def display(
    what: str, size: int | None, *, stream: TextIO | None = None, clock: clocks.Clock = clocks.SYSTEM
) -> Iterator[interface.Progress]:
    """Give a function to call, as often as you like, with the numbers of bytes and entries that are done.

    `what` names the step ("packing"), `size` is about its total in bytes, None where that is unknown. If `stream`, by
    default standard error, is a terminal, the line is drawn there; it is cleared at the end.
    """
    begun = clock.monotonic()
    logger.info("%s%s", what, "" if size is None else f", about {archive_table.size(size)}")
    meter = Line(what, size, stream, clock) if output.is_terminal(stream) else Meter(what, size, begun)
    try:
        yield meter.count
    finally:
        if isinstance(meter, Line):
            meter.clear()
    logger.info("%s", meter.summary(clock.monotonic() - begun))


class Meter:
    """Counts, and formats the progress."""

    def __init__(self, what: str, size: int | None, begun: float) -> None:
        self.what = what
        self.size = size
        self.done = 0
        self.entries = 0
        self._seen = [(begun, 0)]

    def count(self, done: int, entries: int) -> None:
        """Note how many bytes and entries are done."""
        self.done = done
        self.entries = entries

    def text(self, now: float) -> str:
        """Return the line, as of `now`: `packing: 1.2 GB of 4.8 GB (25%), 310 files, 95.0 MB/s, 38 s left`."""
        self._seen.append((now, self.done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_SECONDS:
            self._seen.pop(0)
        (first, then), (last, recent) = self._seen[0], self._seen[-1]
        rate = max(0.0, (recent - then) / (last - first)) if last > first else 0.0
        parts = [archive_table.size(self.done)]
        if self.size is not None:
            share = 100 if self.done >= self.size else int(100 * self.done / self.size)
            parts[0] += f" of {archive_table.size(self.size)} ({share}%)"
        if self.entries:
            parts.append(f"{self.entries} file" + ("" if self.entries == 1 else "s"))
        parts.append(f"{archive_table.size(rate)}/s")
        if self.size is not None and rate > 0 and self.done < self.size:
            parts.append(f"{underway.duration((self.size - self.done) / rate)} left")
        return f"{self.what}: {', '.join(parts)}"

    def summary(self, seconds: float) -> str:
        """Return the message for a step that took `seconds`."""
        rate = f", {archive_table.size(self.done / seconds)}/s" if seconds >= 1 else ""
        files = f", {self.entries} file" + ("" if self.entries == 1 else "s") if self.entries else ""
        return f"{self.what}: done, {archive_table.size(self.done)}{files} in {underway.duration(seconds)}{rate}"


class Line(Meter):
    """Draws the progress as the last line of a terminal, again and again."""

    def __init__(self, what: str, size: int | None, stream: TextIO | None, clock: clocks.Clock) -> None:
        super().__init__(what, size, clock.monotonic())
        self._stream = stream
        self._clock = clock
        self._next = self._seen[0][0] + EVERY_SECONDS
        self._is_drawn = False
        self._broken = False

    def count(self, done: int, entries: int) -> None:
        """Note the progress, and redraw the line from time to time."""
        super().count(done, entries)
        now = self._clock.monotonic()
        if now >= self._next and not self._broken:
            self._next = now + EVERY_SECONDS
            self._is_drawn = True
            self._draw(self.text(now))

    def clear(self) -> None:
        """Clear the line."""
        if self._is_drawn and not self._broken:
            self._draw("")

    def _draw(self, text: str) -> None:
        try:
            output.redraw(text, self._stream)
        except (OSError, ValueError):  # the terminal has been closed: work on without it
            self._broken = True
