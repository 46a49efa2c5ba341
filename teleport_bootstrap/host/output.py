"""The one door to standard output and standard error: whatever is shown passes here, without secrets and escaped.

Other modules give it what to show. A test fails where one of them prints by itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator

from teleport_bootstrap import display, lazy_imports, log
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.hints import Any, TextIO
from teleport_bootstrap.host import last_line, streams, terminal, typesetting

PROGRAM = "teleport-bootstrap"

# Draws parts of a text.
Draw = Callable[["str | Iterable[str]"], None]

_quote: typesetting.Quote = typesetting.no_quote

logger = log.Logger(__name__)


def show_nothing_by_itself() -> None:
    """Make what Python and libraries would print by themselves a debug message: it may hold secrets, or anything."""
    sys.excepthook = _unforeseen
    sys.unraisablehook = lambda found: _unforeseen(found.exc_type, found.exc_value, found.exc_traceback)
    lazy_imports.when_loaded("threading", _quiet_threads)
    lazy_imports.when_loaded("warnings", _quiet_warnings)
    lazy_imports.when_loaded("logging", _quiet_logging)


def _quiet_threads() -> None:
    threading.excepthook = lambda found: _unforeseen(found.exc_type, found.exc_value, found.exc_traceback)


def _quiet_warnings() -> None:
    warnings.showwarning = _warned  # type: ignore[assignment]  # with fewer named arguments


def _quiet_logging() -> None:
    logging.raiseExceptions = False
    logging.lastResort = None
    logging.getLogger().addHandler(logging.NullHandler())


def result(text: str) -> None:
    """Write `text`, which `display` has made, to standard output; raises OSError."""
    with last_line.aside():
        # teleport.yaml and JSON are UTF-8 in every locale.
        streams.write_result(text.encode("utf-8", "backslashreplace"))


def proposal(parts: Iterable[str]) -> None:
    """Print what is about to be done, as the first part of the result. Where that fails, the rest of it reports so."""
    screen = screen_of_result()
    text = display.text(parts) if screen is None else typesetting.text(parts, screen)
    if text:
        with contextlib.suppress(OSError):
            result(f"{text}\n")


def screen_of_result() -> terminal.Screen | None:
    """Return the terminal that the result is printed on; None where it goes elsewhere, as to a file or a program."""
    return terminal.screen(sys.stdout)


def quote_with(quote: typesetting.Quote) -> None:
    """Show findings on a terminal with the line of their file that `quote` returns."""
    global _quote  # noqa: PLW0603 - there is one standard error
    _quote = quote


def failure(message: str, hint: str = "", findings: Iterable[Finding] = ()) -> None:
    """Report a failure: the message of an error, in which `findings` are listed, and what to do next."""
    screen = terminal.screen(sys.stderr)
    if screen is not None:
        shown = typesetting.failure(f"{PROGRAM}: ", message, hint, screen, findings=findings, quote=_quote)
        _write("".join(f"{each}\n" for each in shown))
        return
    _write(f"{PROGRAM}: " + display.lines([message]) + "\n")
    if hint:
        _write(f"  {display.line(hint)}\n")


def note(message: str) -> None:
    """Print a message of a command that is not its result."""
    failure(message)


def remark(message: str) -> None:
    """Print what is worth knowing beside the result."""
    _write(f"{_laid_out([f'note: {message}'])}\n")


def question(parts: str | Iterable[str]) -> None:
    """Print a question to the operator, who answers on the same line."""
    _write(f"{_laid_out(parts)} [y/N] ")


def prompt(parts: str | Iterable[str]) -> None:
    """Print a question whose answer is a line of text, typed on the same line."""
    _write(f"{_laid_out(parts)}: ")


def is_terminal(stream: TextIO | None = None) -> bool:
    """Return whether `stream`, by default standard error, is a terminal that can redraw a line."""
    try:
        return (stream or sys.stderr).isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # closed
        return False


def redraw(text: str, stream: TextIO | None = None) -> None:
    """Show `text` as the last line of the terminal `stream`, by default standard error; nothing with an empty one.

    Raises OSError or ValueError where the terminal is gone.
    """
    last_line.draw(text, stream or sys.stderr)


@contextlib.contextmanager
def redrawn() -> Iterator[Draw | None]:
    """Give what draws a text on a screen of its own in place of the one before, and return to the first screen then.

    It draws as much as there is room for. None where standard output is not a terminal that can do this.
    """
    screen = terminal.screen(sys.stdout)
    moves = terminal.moves(sys.stdout) if screen is not None else None
    if moves is None:
        yield None
        return

    def draw(parts: str | Iterable[str]) -> None:
        # Its size may have changed.
        now, room = terminal.screen(sys.stdout) or terminal.Screen(), terminal.rows(sys.stdout) - 1
        lines = typesetting.text(parts, now, _quote).split("\n")
        if len(lines) > room:
            lines[room - 1 :] = [f"and {len(lines) - room + 1} more lines: this terminal has {room + 1}"]
        streams.write_result(
            (moves.home + "".join(f"{each}{moves.clear_line}\n" for each in lines) + moves.clear_below).encode(
                "utf-8", "backslashreplace"
            )
        )

    streams.write_result(moves.begin.encode())
    try:
        yield draw
    finally:
        with contextlib.suppress(OSError):
            streams.write_result(moves.end.encode())


def log_lines(parts: Iterable[str]) -> None:
    """Write what a log record says."""
    _write(f"{_laid_out(parts)}\n")


def defect(error: BaseException) -> str:
    """Return what an unexpected exception is: its type and place, but not its text, which may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    for each in places(error):
        logger.debug("%s", each)
    return f"{type(error).__name__}{place}"


def places(error: BaseException) -> Iterator[str]:
    """Yield where an exception was raised, without its text, as lines."""
    yield f"  {type(error).__name__} was raised here:"
    for frame in traceback.extract_tb(error.__traceback__):
        yield display.line(f"  {frame.filename}:{frame.lineno} in {frame.name}")


def _unforeseen(kind: type[BaseException], error: BaseException | None, _: Any = None) -> None:
    logger.debug("%s", defect(error) if error is not None else kind.__name__)


def _warned(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
    logger.debug("%s at %s:%d: %s", category.__name__, os.path.basename(filename), lineno, message)


def _laid_out(parts: str | Iterable[str]) -> str:
    """Return `parts` as they are shown on standard error."""
    screen = terminal.screen(sys.stderr)
    return display.text(parts) if screen is None else typesetting.text(parts, screen, _quote)


def _write(text: str) -> None:
    # After a question, the operator types on the same line.
    with last_line.aside(again=text.endswith("\n")):
        sys.stderr.write(text)
        sys.stderr.flush()
