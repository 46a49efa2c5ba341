"""The last line of the terminal, which shows what is under way: drawn again and again, and never mixed with others.

`output` writes everything else through `aside`: the line makes room for it, and comes back below it.
"""

from __future__ import annotations

import contextlib
import shutil
from _thread import RLock
from collections.abc import Iterator

from teleport_bootstrap import display
from teleport_bootstrap.hints import TextIO

# Also for threads that draw while another one logs. Reentrant: a signal may end a write with another message.
_lock = RLock()
_line = ""
_on: TextIO | None = None


def draw(text: str, stream: TextIO) -> None:
    """Show `text` in place of the last line; nothing with an empty one.

    It is cut off where the terminal ends. Raises OSError or ValueError where the terminal is gone.
    """
    global _line, _on
    with _lock:
        # One column less than the terminal has: it might wrap a full line.
        fitting = display.line(text)[: max(10, shutil.get_terminal_size().columns - 1)]
        blank = len(_line) if _on is stream else 0
        _line, _on = fitting, stream if fitting else None
        stream.write("\r" + fitting + " " * max(0, blank - len(fitting)) + ("" if fitting else "\r"))
        stream.flush()


def drawn() -> str:
    """Return what the last line shows, empty for nothing."""
    return _line


@contextlib.contextmanager
def aside(*, again: bool = True) -> Iterator[None]:
    """Clear the line while the body writes whole lines; then show it `again`, or leave it to the next `draw`."""
    with _lock:
        before, stream = _line, _on
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                draw("", stream)
        yield
        if stream is not None and again:
            with contextlib.suppress(OSError, ValueError):
                draw(before, stream)
