"""Clean up before a signal ends the process, and outlive the session that it was started in."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from teleport_bootstrap import log, paths, unit_table
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import journal, systemd

logger = log.Logger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Ended(SystemExit):
    """A signal ended the process; the status is the one that a shell gives for that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


@contextlib.contextmanager
def as_exception() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise Ended in the body, once, so that its `finally` and `with` blocks run.

    A signal that is ignored or handled already stays so; SIGINT raises KeyboardInterrupt anyway. Outside the main
    thread this does nothing: Python delivers no signals there.
    """
    ours = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        for each in ours:
            # A second signal must not interrupt the cleanup; SIGKILL still can.
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    with _handled(ours, end):
        yield


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP wait until the body has ended, also those to the programs that it runs."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *SIGNALS))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _handled(numbers: Sequence[signal.Signals], handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, earlier in before:
            signal.signal(number, earlier)


def outlive_session(root: paths.Root) -> None:
    """Survive the loss of the terminal; in a session of Teleport's own unit, run again outside of the unit.

    A session through Teleport is a child of its process and belongs to its unit, and a restart of the unit ends it.
    With --scope, systemd-run becomes the command itself: input, output, environment and terminal stay.
    """
    # When a session ends, its terminal closes and every process in it gets this signal.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    inside = sorted(systemd.units_around() & set(unit_table.TELEPORT_SERVICES)) if systemd.is_running(root) else []
    if not inside:
        return
    if journal.OUTLIVES in os.environ:
        logger.warning("still inside %s: its restart may end this command", inside[0])
        return
    logger.info(
        "this session belongs to %s, and ends if that is restarted: continuing in a scope of its own; "
        "`journalctl -t %s` shows how it ends",
        inside[0],
        journal.IDENTIFIER,
    )
    os.environ[journal.OUTLIVES] = "1"
    sys.stdout.flush()
    sys.stderr.flush()
    command = ["systemd-run", "--scope", "--quiet", "--collect", "--slice=system.slice", *_this_command()]
    try:
        os.execvp(command[0], command)  # noqa: S606 - on purpose without a shell
    except OSError as error:
        del os.environ[journal.OUTLIVES]
        logger.warning("systemd-run cannot be run (%s): a restart of %s may end this command", error, inside[0])


def _this_command() -> list[str]:
    program = sys.argv[0]
    if os.path.isfile(program) and os.access(program, os.X_OK):
        return [os.path.abspath(program), *sys.argv[1:]]
    return [sys.executable, "-m", "teleport_bootstrap", *sys.argv[1:]]
