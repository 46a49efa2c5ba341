"""The command line: runs one command, prints its result or its error, and exits with its status."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import errno
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import ModuleType

import teleport_bootstrap
from teleport_bootstrap import display, errors, lazy_imports
from teleport_bootstrap.cli import answer, command_line, layout, options, quotation
from teleport_bootstrap.cli.result import Result
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.hints import NoReturn
from teleport_bootstrap.host import core_dumps, journal, output, streams, typesetting

# In the order in which an operator meets them. Each is a module of this package, and a line of the help (80 columns)
# unless timers and labels run it.
COMMANDS = {
    "init": "ask what cluster to launch, and write what it needs",
    "generate": "write teleport.yaml from the conf and start Teleport's unit",
    "validate": "check a conf and list every problem in it",
    "variables": "explain the variables of the conf",
    "render": "print the teleport.yaml that a conf produces",
    "plan": "print what the conf would change on this host",
    "iam-policy": "print the smallest IAM policy that works for a conf",
    "reconfigure": "apply an edited conf, with rollback",
    "backup": "create, list and verify backups of this host",
    "restore": "restore a backup, with rollback",
    "rollback": "return to an earlier generation",
    "history": "list the generations that were applied",
    "adopt": "turn a manual edit of teleport.yaml into an override file",
    "fetch-secrets": "fetch the token, CA pin and license from SSM",
    "publish-tokens": "publish join tokens and CA pins to SSM",
    "signal": "tell a stack or a group whether Teleport is healthy",
    "certificate": "obtain, renew or install Let's Encrypt's certificate",
    "metadata": "print one item of instance metadata",
    "install-check": "say how to take over a host with its own Teleport",
    "first-admin": "create the first user of a cluster, an administrator",
    "status": "show what is configured and whether it runs",
    "doctor": "check what stands around this host, and say how to mend it",
    "seal": "check that an image holds no data of one instance",
    "collect-logs": "bundle logs and status for a support case, without secrets",
}

# Seldom typed: they share a line of the help, which is one screen.
RUN_BY_UNITS = ("fetch-secrets", "publish-tokens", "signal", "certificate", "metadata")

# Commands that are run for what they print. The status of every other one says what it did to the host, also where its
# result could not be printed; with --dry-run they are like these.
PRINTING = frozenset(
    {
        *("validate", "variables", "render", "plan", "history", "metadata", "status", "seal"),
        *("iam-policy", "doctor", "install-check"),
        *("backup list", "backup verify"),
    }
)

# They change nothing but the files that they make.
RECORDED_NOWHERE = frozenset({"collect-logs", "init"})

# What a machine may have too little of. An error of another kind that arrives here is about a file.
_SCARCE = {errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN}


def parser(argv: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser for every command and option.

    With `argv`, only the command that it names gets its options, so that the modules of the others are not loaded.
    """
    top = command_line.TopParser(
        prog="teleport-bootstrap", description="Turns /etc/teleport.d/conf into a running Teleport on an EC2 instance."
    )
    top.run_by_units = RUN_BY_UNITS
    top.add_argument("--version", action="version", version=f"%(prog)s {teleport_bootstrap.__version__}")
    options.add_global(top, with_defaults=True, forms=(*options.FORMS, options.PROMETHEUS))
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=command_line.Parser)
    for name, purpose in COMMANDS.items():
        if argv is not None and name not in argv:
            layout.mention(commands, name, purpose)
        else:
            sub = commands.add_parser(name, help=purpose)
            module = _module(name)
            sub.description = layout.description(module)
            for declare in module.OPTIONS:
                declare(sub)
            options.share(sub, getattr(module, "FORMS", ()))
            layout.finish(sub, module.EXAMPLE)
    return top


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"teleport_bootstrap.cli.{name.replace('-', '_')}")


def main() -> NoReturn:
    """Run the command line and exit; the one place that does."""
    try:
        streams.prepare()
        output.show_nothing_by_itself()
        output.quote_with(_quote)
        core_dumps.prevent()
        status = run(sys.argv[1:])
    except KeyboardInterrupt:
        output.note("interrupted")
        status = errors.INTERRUPTED
    except (MemoryError, OSError) as error:
        # While an error was being reported.
        status = _report(_of_machine(error), "text")
    # The status is known: nothing that arrives while the interpreter ends may change it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    _end(status)


def _end(status: int) -> NoReturn:
    """End the process as Python does, without taking apart all modules, object by object, after everything else.

    That is a fifth of what a short command takes, and nothing waits for it: what is printed is not kept in buffers.
    """
    try:
        sys.stdout.flush()
        lazy_imports.when_loaded("threading", _await_threads)
        atexit._run_exitfuncs()
    finally:
        os._exit(status)


def _await_threads() -> None:
    threading._shutdown()  # type: ignore[attr-defined]  # what Python itself calls


def run(argv: Sequence[str]) -> int:
    """Run the command line `argv` and return its exit status."""
    form = "json" if "--format=json" in argv or ("--format", "json") in zip(argv, argv[1:]) else "text"
    command: str | None = None
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):  # the help and the version, which argparse prints
            arguments = parser(argv).parse_args(argv)
        journal.set_up(arguments.log_level)
        form, command = arguments.format, _command(arguments)
        result = _carry_out(arguments)
    except errors.BootstrapError as error:
        return _report(error, form, command)
    except KeyboardInterrupt:
        output.note("interrupted")
        return errors.INTERRUPTED
    except SystemExit as ended:  # argparse, after --help and --version
        return _print(printed.getvalue(), int(ended.code or 0))
    except Exception as error:
        return _report(_unexpected(error), form, command)
    if result.trouble is not None:
        _tell(result.trouble)
    try:
        shown = result.output(form, output.screen_of_result(), _quote, command=_command(arguments))
        return _print(shown, result.status, is_of_host=_is_of_host(arguments), if_lost=result.if_lost)
    except MemoryError as error:
        return result.status if _is_of_host(arguments) else _report(_of_machine(error), "text")


def _carry_out(arguments: argparse.Namespace) -> Result:
    command = _module(arguments.command)
    forms = getattr(command, "FORMS", options.FORMS)
    if arguments.format not in forms:  # given before the command
        raise errors.UsageError(
            f"`{arguments.command}` has no output with --format {arguments.format}",
            hint=f"It has {' and '.join(forms)}; `status --format {options.PROMETHEUS}` prints numbers for monitoring.",
        )
    if not _is_of_host(arguments) or arguments.command in RECORDED_NOWHERE:
        found: Result = command.run(arguments)
        return found
    # Not at the top: commands that print have no use for it.
    with _module("recording").recorded(arguments, _unexpected) as recording:
        recording.outcome = found = command.run(arguments)
    return found


def _command(arguments: argparse.Namespace) -> str:
    """Return the command as it is typed, such as `backup list`."""
    below = getattr(arguments, f"{arguments.command}_command", None)
    return f"{arguments.command} {below}" if below else str(arguments.command)


def _is_of_host(arguments: argparse.Namespace) -> bool:
    return _command(arguments) not in PRINTING and not getattr(arguments, "dry_run", False)


def _print(text: str, status: int, *, is_of_host: bool = False, if_lost: str = "") -> int:
    """Print `text` and return `status`; if it cannot be written, report that and return that error's status.

    Where the status `is_of_host`, it remains: it says what was done to the host. `if_lost` says how to go on then.
    """
    try:
        output.result(text)
    except BrokenPipeError:
        # Its reader has had enough, such as `head`.
        if if_lost:
            output.note(f"standard output was not read to its end; {if_lost}")
        return status
    except OSError as error:
        what = f"standard output cannot be written: {error.strerror}"
        if is_of_host:
            more = f"; {if_lost}" if if_lost else ""
            output.note(f"{what}; the command itself has ended with status {status}{more}")
            return status
        return _report(errors.FileTrouble(what, hint="Redirect it to a place with free space."), "text")
    except KeyboardInterrupt:
        return status if is_of_host else errors.INTERRUPTED
    return status


def _quote(found: Finding) -> typesetting.Source | None:
    return quotation.source_line(found)  # loaded when a terminal shows a finding


def _unexpected(error: Exception) -> errors.BootstrapError:
    """Return how an exception that no command expects is reported."""
    return _of_machine(error) if _is_of_machine(error) else _defect(error)


def _is_of_machine(error: Exception) -> bool:
    if isinstance(error, ImportError):
        # A library that is there, and for which there is no room.
        return not isinstance(error, ModuleNotFoundError)
    return isinstance(error, (MemoryError, OSError)) or "can't start new thread" in str(error)


def _of_machine(error: Exception) -> errors.BootstrapError:
    """Return the error for an exception that no command expects, but that is not a defect of this program."""
    where = output.defect(error)
    if not isinstance(error, OSError) or error.errno in _SCARCE:
        what = f": {error.strerror}" if isinstance(error, OSError) else ""
        return errors.ResourcesMissing(
            f"this machine, or what this process may use of it, has too little memory or descriptors{what} ({where})",
            hint="Check the free memory, and the limits of this process (`ulimit -a`); then run the command again. A "
            "change that was under way is completed or undone by the next command.",
        )
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else "a file"
    return errors.FileTrouble(
        f"{name} cannot be used: {error.strerror or 'it is not known why'} ({where})",
        hint="Check the free space, the mount options and the permissions; then run the command again.",
    )


def _defect(error: Exception) -> errors.BootstrapError:
    return errors.BootstrapError(
        f"internal error: {output.defect(error)}",
        hint="This is a defect of teleport-bootstrap. Run it again with --log-level debug and report the output.",
    )


def _report(error: errors.BootstrapError, form: str, command: str | None = None) -> int:
    """Report `error` on stderr, in the journal with its fields, and as JSON if the output is JSON."""
    _tell(error)
    if form == "json":
        data = answer.document(command, error.exit_status, {}, error=error)
        return _print(display.json(data), error.exit_status, is_of_host=True)
    return error.exit_status


def _tell(error: errors.BootstrapError) -> None:
    """Report `error` on stderr, and in the journal with its fields."""
    if not journal.is_set_up():
        journal.set_up("info")
    journal.record_failure(error.message, error.hint, error.code, error.message_id(), error.exit_status)
    output.failure(error.message, error.hint, error.findings)
