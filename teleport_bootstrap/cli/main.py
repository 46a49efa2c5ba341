"""The command line: runs one command, prints its result or its error, and exits with its status."""

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
from teleport_bootstrap import errors, secret
from teleport_bootstrap.cli import layout, options
from teleport_bootstrap.host import journal

logger = logging.getLogger(__name__)

# In the order in which an operator meets them. Each is a module of this package, and a line of the help (80 columns).
COMMANDS = {
    "generate": "write teleport.yaml from the conf and start Teleport's unit",
    "validate": "check a conf and list every problem in it",
    "variables": "explain the variables of the conf",
    "render": "print the teleport.yaml that a conf produces",
    "plan": "print everything that generate would do",
    "reconfigure": "apply an edited conf, with rollback",
    "backup": "create, list and verify backups of this host",
    "restore": "restore a backup, with rollback",
    "rollback": "return to an earlier generation",
    "history": "list the generations that were applied",
    "adopt": "turn a manual edit of teleport.yaml into an override file",
    "fetch-secrets": "fetch the token, CA pin and license from SSM",
    "publish-tokens": "publish join tokens and CA pins to SSM",
    "certificate": "obtain, renew or install Let's Encrypt's certificate",
    "metadata": "print one item of instance metadata",
    "status": "show what is configured and whether it runs",
    "seal": "check that an image holds no data of one instance",
    "collect-logs": "bundle logs and status for a support case, without secrets",
}


class _Parser(argparse.ArgumentParser):
    """Raises UsageError, so that a wrong command line is reported like every other error.

    Options cannot be abbreviated: an abbreviation may become ambiguous when an option is added.
    """

    def __init__(self, **named: Any) -> None:
        super().__init__(allow_abbrev=False, **{"formatter_class": layout.FORMATTER, **named})

    def error(self, message: str) -> NoReturn:
        raise errors.UsageError(message, hint=f"Run `{self.prog} --help`.")


class _TopParser(_Parser):
    """The program itself, whose help is the list of commands."""

    def format_help(self) -> str:
        return layout.top(self)


def parser(argv: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser for every command and option.

    With `argv`, only the command that it names gets its options, so that the modules of the others are not loaded.
    """
    top = _TopParser(
        prog="teleport-bootstrap", description="Turns /etc/teleport.d/conf into a running Teleport on an EC2 instance."
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {teleport_bootstrap.__version__}")
    options.add_global(top, with_defaults=True)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, purpose in COMMANDS.items():
        sub = commands.add_parser(name, help=purpose)
        if argv is None or name in argv:
            module = _module(name)
            sub.description = layout.description(module)
            for declare in module.OPTIONS:
                declare(sub)
            options.share(sub)
            layout.finish(sub, module.EXAMPLE)
    return top


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"teleport_bootstrap.cli.{name.replace('-', '_')}")


def main() -> NoReturn:
    """Run the command line and exit; the one place that does."""
    _open_missing_streams()
    sys.exit(run(sys.argv[1:]))


def _open_missing_streams() -> None:
    """Open /dev/null for standard streams that are closed.

    Otherwise the next file to be opened would get the descriptor of one of them, and the output would go there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - stays open


def run(argv: Sequence[str]) -> int:
    """Run the command line `argv` and return its exit status."""
    form = "json" if "--format=json" in argv or ("--format", "json") in zip(argv, argv[1:]) else "text"
    try:
        arguments = parser(argv).parse_args(argv)
        journal.set_up(arguments.log_level)
        form = arguments.format
        result = _module(arguments.command).run(arguments)
    except errors.BootstrapError as error:
        return _report(error, form)
    except KeyboardInterrupt:
        _print_error("teleport-bootstrap: interrupted")
        return errors.INTERRUPTED
    except SystemExit as ended:  # argparse, after --help and --version
        return _print("", int(ended.code or 0))
    except BrokenPipeError:
        _drop_output()
        return errors.OK
    except Exception as error:
        return _report(_defect(error), form)
    if result.trouble is not None:
        _tell(result.trouble)
    return _print(result.output(form), result.status)


def _print(text: str, status: int) -> int:
    """Print `text` and return `status`; if it cannot be written, report that and return that error's status."""
    try:
        # teleport.yaml and JSON are UTF-8 in every locale.
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
    except OSError as error:
        _drop_output()
        what, hint = f"standard output cannot be written: {error.strerror}", "Redirect it to a place with free space."
        return _report(errors.FileTrouble(what, hint=hint), "text")
    return status


def _drop_output() -> None:
    """Discard what is still buffered: Python would report the error again when it closes standard output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


def _defect(error: Exception) -> errors.BootstrapError:
    """Return the error for an unexpected exception: its type and place, but not its text, which may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    logger.debug("%s", "".join(traceback.format_list(frames)))
    return errors.BootstrapError(
        f"internal error: {type(error).__name__}{place}",
        hint="This is a defect of teleport-bootstrap. Run it again with --log-level debug and report the output.",
    )


def _report(error: errors.BootstrapError, form: str) -> int:
    """Report `error` on stderr, in the journal with its fields, and as JSON if the output is JSON."""
    _tell(error)
    if form == "json":
        shown: dict[str, object] = {key: getattr(error, key) for key in ("code", "message", "hint", "exit_status")}
        if error.findings:
            shown["problems"] = [each.data() for each in error.findings]
        said = secret.without_passwords(json.dumps({"error": shown}, indent=2, ensure_ascii=False))
        return _print(said + "\n", error.exit_status)
    return error.exit_status


def _tell(error: errors.BootstrapError) -> None:
    """Report `error` on stderr, and in the journal with its fields."""
    if not logging.getLogger("teleport_bootstrap").handlers:
        journal.set_up("info")
    message = secret.without_passwords(error.message)
    journal.record_failure(message, error.hint, error.code, error.message_id(), error.exit_status)
    _print_error(f"teleport-bootstrap: {message}")
    if error.hint:
        _print_error(f"  {error.hint}")
