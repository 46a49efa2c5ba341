"""Who did what to this host, with which result: one line in its journal for each command, and an event in its history.

It is the same for a terminal, a script and a unit, whatever the log level is, and also where a command fails or is
interrupted. Nothing here can make a command fail.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator

from teleport_bootstrap import errors, log, paths
from teleport_bootstrap.cli import result
from teleport_bootstrap.host import caller, journal, output, termination
from teleport_bootstrap.state import events

logger = log.Logger(__name__)

# Of the one line of a command, on every machine: `journalctl MESSAGE_ID=...` lists these.
MESSAGE_ID = "3dbdb7da907f53538f020d5f2bec9455"

# A notice where it was done, otherwise a warning; the error itself is logged as one.
_NOTICE, _WARNING = 5, 4

# Commands that change what is configured here. The results of the others are kept as results of jobs, or are backups.
_CONFIGURING = ("generate", "reconfigure", "rollback", "restore", "adopt")
# Options that make another command of one.
_OPTIONS = ("undo", "discard_undo", "reset_data", "discard_edits", "force", "keep_config", "stop")
# Failures after which this host may not be as it was; all others say that nothing was changed.
_CHANGING = (errors.INTERNAL, errors.UNITS, errors.RESOURCES)
_HOW = {
    errors.ROLLED_BACK: events.ROLLED_BACK,
    errors.UNHEALTHY: events.UNHEALTHY,
    errors.UNHEALTHY_AFTER_ROLLBACK: events.UNHEALTHY,
}
# Nothing was begun: what is wrong is what was typed.
_NOT_BEGUN = (errors.UsageError, errors.ConfirmationNeeded)


class Recording:
    """A command that is under way; `outcome` is what it returns."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.root = paths.Root(arguments.root)
        self.command = _command(arguments)
        self.before = events.current_generation(self.root)
        self.outcome: result.Result | None = None

    @property
    def is_configuring(self) -> bool:
        return self.command.split()[0] in _CONFIGURING

    def succeeded(self) -> None:
        """Record what was done, unless that is nothing."""
        done = self.outcome
        if done is not None and done.change:
            how = events.DONE if done.trouble is None else events.INCOMPLETE
            self._record(how, done.change, done.status, is_kept=self.is_configuring and not done.routine)

    def failed(self, how: str, what: str, status: int, *, is_unexpected: bool = False) -> None:
        """Record that it failed, or was ended; in the history only if this host may have changed."""
        is_known = is_unexpected or how in (events.ROLLED_BACK, events.UNHEALTHY, events.INTERRUPTED)
        has_changed = is_known or status in _CHANGING or events.current_generation(self.root) != self.before
        self._record(how, what, status, is_kept=self.is_configuring and has_changed)

    def _record(self, how: str, what: str, status: int, *, is_kept: bool) -> None:
        after = events.current_generation(self.root)
        event = events.make(
            self.command, caller.who(), how, what, exit_status=status, generation_before=self.before, generation=after
        )
        fields: dict[str, str | int] = {
            "PRIORITY": _NOTICE if how == events.DONE else _WARNING,
            "MESSAGE_ID": MESSAGE_ID,
            "TELEPORT_BOOTSTRAP_COMMAND": event.command,
            "TELEPORT_BOOTSTRAP_WHO": event.who,
            "TELEPORT_BOOTSTRAP_RESULT": event.result,
            "TELEPORT_BOOTSTRAP_EXIT_STATUS": status,
            **({} if after is None else {"TELEPORT_BOOTSTRAP_GENERATION": after}),
            **({} if self.before is None else {"TELEPORT_BOOTSTRAP_GENERATION_BEFORE": self.before}),
        }
        journal.send(self.root, event.line, fields)
        if is_kept:
            events.add(self.root, event)


@contextlib.contextmanager
def recorded(
    arguments: argparse.Namespace, unexpected: Callable[[Exception], errors.BootstrapError]
) -> Iterator[Recording]:
    """Record the command in the body when it has ended, in whatever way.

    `unexpected` returns the error that is raised in place of an exception that no command expects.
    """
    recording = Recording(arguments)
    try:
        yield recording
    except _NOT_BEGUN:
        raise
    except errors.BootstrapError as error:
        how = _HOW.get(error.exit_status, events.FAILED)
        _end(recording, how, error.message, error.exit_status)
        raise
    except KeyboardInterrupt:
        _end(recording, events.INTERRUPTED, "interrupted from the keyboard", errors.INTERRUPTED)
        raise
    except termination.Ended as ended:
        _end(recording, events.INTERRUPTED, f"ended by signal {int(ended.code or 0) - 128}", int(ended.code or 0))
        raise
    except Exception as error:
        shown = unexpected(error)
        _end(recording, events.FAILED, shown.message, shown.exit_status, is_unexpected=True)
        raise shown from error
    with _harmlessly():
        recording.succeeded()


def _end(recording: Recording, how: str, what: str, status: int, *, is_unexpected: bool = False) -> None:
    with _harmlessly():
        recording.failed(how, what, status, is_unexpected=is_unexpected)


@contextlib.contextmanager
def _harmlessly() -> Iterator[None]:
    """Let nothing that goes wrong in the body change how the command ends."""
    try:
        with termination.uninterrupted():
            yield
    except Exception as error:
        logger.warning("this could not be recorded: %s", output.defect(error))


def _command(arguments: argparse.Namespace) -> str:
    below = getattr(arguments, f"{arguments.command}_command", None)
    action = getattr(arguments, "action", None) if arguments.command == "certificate" else None
    flags = (f"--{name.replace('_', '-')}" for name in _OPTIONS if getattr(arguments, name, False))
    return " ".join((*filter(None, (arguments.command, below, action)), *flags))
