"""The command line: which command, how its result is printed, and with which status it ends."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

import teleport_bootstrap
from teleport_bootstrap import errors
from teleport_bootstrap.cli import layout, options
from teleport_bootstrap.host import journal

logger = logging.getLogger(__name__)

# In the order in which people meet them; each is a module of this package, and has a line of 80 columns in the help.
COMMANDS = {
    "generate": "write teleport.yaml from the conf and start Teleport's unit",
    "validate": "check a conf and list every problem in it",
    "variables": "explain the variables of the conf",
    "render": "print the teleport.yaml that a conf gives",
    "plan": "print everything that generate would do, and do nothing",
    "reconfigure": "apply an edited conf, with a way back",
    "backup": "make, list and verify backups of this host",
    "restore": "put a backup in place, with a way back",
    "rollback": "go back to an earlier generation",
    "history": "list what was applied here",
    "adopt": "turn a hand edit of teleport.yaml into an override file",
    "fetch-secrets": "fetch token, CA pin and license that Teleport waits for",
    "publish-tokens": "publish join tokens and CA pins from an auth server",
    "certificate": "obtain, renew or install Let's Encrypt's certificate",
    "metadata": "print one harmless item of instance metadata",
    "status": "show what is configured here and whether it runs",
    "seal": "prove that an image holds nothing of one instance",
    "collect-logs": "bundle facts for a support case, without any secret",
}


class _Parser(argparse.ArgumentParser):
    """Ends with a catalogue error, so that a wrong command line is reported like everything else.

    Options are written in full: what is short for one today may be for two tomorrow.
    """

    def __init__(self, **named: Any) -> None:
        super().__init__(allow_abbrev=False, **{"formatter_class": layout.Formatter, **named})

    def error(self, message: str) -> NoReturn:
        raise errors.UsageError(message, hint=f"`{self.prog} --help` shows what there is.")


class _TopParser(_Parser):
    """The program itself, whose help is the list of commands."""

    def format_help(self) -> str:
        return layout.top(self)


def parser(argv: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser for every command and option.

    With `argv`, only the command that stands in it gets its options: the modules of the others, and the libraries that
    they bring, are not waited for.
    """
    top = _TopParser(
        prog="teleport-bootstrap",
        description="Turns /etc/teleport.d/conf into a running Teleport on an EC2 instance.",
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {teleport_bootstrap.__version__}")
    options.add_global(top, with_defaults=True)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, purpose in COMMANDS.items():
        sub = commands.add_parser(name, help=purpose)
        if argv is None or name in argv:
            module = _module(name)
            sub.description = layout.description(module)
            module.add_arguments(sub)
            options.share(sub)
            layout.finish(sub, module.EXAMPLE)
    return top


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"teleport_bootstrap.cli.{name.replace('-', '_')}")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; the one place that does."""
    _open_missing_streams()
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def _open_missing_streams() -> None:
    """Let input, output and errors that whoever started us has closed lead nowhere.

    Otherwise the next file that is opened would take the place of one of them, and what is printed end up there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - stays open


def run(argv: Sequence[str]) -> int:
    """Run the command line `argv` and return its exit status."""
    form = "json" if "--format=json" in argv or _follows(argv, "--format", "json") else "text"
    try:
        arguments = parser(argv).parse_args(argv)
        journal.set_up(arguments.log_level)
        form = arguments.format
        result = _module(arguments.command).run(arguments)
    except errors.BootstrapError as error:
        return _report(error, form)
    except KeyboardInterrupt:
        _tell("teleport-bootstrap: interrupted")
        return errors.INTERRUPTED
    except SystemExit as ended:  # argparse, after --help and --version
        return _print("", int(ended.code or 0))
    except BrokenPipeError:
        _drop_output()
        return errors.OK
    except Exception as error:
        return _report(_defect(error), form)
    return _print(result.output(form), result.status)


def _follows(argv: Sequence[str], option: str, value: str) -> bool:
    return any(pair == (option, value) for pair in zip(argv, argv[1:]))


def _print(text: str, status: int) -> int:
    """Print `text` and return `status`; where it could not all be written, tell so and return that error's status."""
    try:
        # In UTF-8 whatever the locale says: teleport.yaml and JSON are.
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
    except OSError as error:
        _drop_output()
        return _report(
            errors.FileTrouble(
                f"standard output cannot be written: {error.strerror}", hint="Send it to where there is space."
            ),
            "text",
        )
    return status


def _drop_output() -> None:
    """Let what is still buffered go nowhere: Python would complain once more when it closes standard output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


def _defect(error: Exception) -> errors.BootstrapError:
    """Return the error for an exception that nobody foresaw: its type and place, and not its text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    logger.debug("%s", "".join(traceback.format_list(frames)))
    return errors.BootstrapError(
        f"an unforeseen {type(error).__name__}{place}",
        hint="This is a defect of teleport-bootstrap. Run it again with --log-level debug and report what it prints.",
    )


def _report(error: errors.BootstrapError, form: str) -> int:
    """Tell of `error` on stderr, in the journal with its fields, and as JSON where that was asked for."""
    if not logging.getLogger("teleport_bootstrap").handlers:
        journal.set_up("info")
    journal.record_failure(error.message, error.hint, error.code, error.message_id(), error.exit_status)
    _tell(f"teleport-bootstrap: {error.message}")
    if error.hint:
        _tell(f"  {error.hint}")
    if form == "json":
        shown: dict[str, object] = {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "exit_status": error.exit_status,
        }
        problems = error.problems()
        if problems:
            shown["problems"] = problems
        return _print(json.dumps({"error": shown}, indent=2, ensure_ascii=False) + "\n", error.exit_status)
    return error.exit_status
