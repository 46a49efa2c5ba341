"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Callable, Sequence

from teleport_bootstrap import errors, paths
from teleport_bootstrap.cli import layout
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock, journal
from teleport_bootstrap.instance import gather

# Adds an option or an argument to a parser, or to a group of options; each command lists its own in `OPTIONS`.
Option = Callable[[argparse._ActionsContainer], object]

# Name, default and purpose of the options that every command has, and what else argparse needs to know.
# The forms of a result. One more is a command's own: it says so in `FORMS`.
FORMS = ("text", "json")
PROMETHEUS = "prometheus"

_GLOBAL: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("--root", "/", "the root directory", {"metavar": "DIR"}),
    ("--format", "text", "how to print the result", {"choices": FORMS}),
    ("--log-level", "info", "which messages to log", {"choices": tuple(journal.LEVELS)}),
)


def add_global(parser: argparse.ArgumentParser, *, with_defaults: bool, forms: Sequence[str] = ()) -> None:
    """Add the options that are accepted before and after the command; only the program's own help explains them.

    `forms` are those that --format takes, by default FORMS. After the command, an option that is missing leaves the
    value from before it as it is.
    """
    for name, default, purpose, declared in _GLOBAL:
        more = {**declared, "choices": forms} if forms and name == "--format" else declared
        shown = (default, f"{purpose}; default: {default}") if with_defaults else (argparse.SUPPRESS, argparse.SUPPRESS)
        parser.add_argument(name, default=shown[0], help=shown[1], **more)


def share(parser: argparse.ArgumentParser, forms: Sequence[str] = ()) -> None:
    """Add these options to a command and to each command below it; `forms` are those of its --format."""
    for _, below in layout.commands(parser):
        share(below)
    add_global(parser, with_defaults=False, forms=forms)


def option(name: str, purpose: str, **how: Any) -> Option:
    """Declare an option, or an argument where `name` has no dashes; `how` is as `add_argument` takes it."""
    return lambda parser: parser.add_argument(name, help=purpose, **how)


def flag(name: str, purpose: str) -> Option:
    """Declare an option without a value."""
    return option(name, purpose, action="store_true")


def duration(name: str, default: float, purpose: str) -> Option:
    """Declare an option for a number of seconds; its help is `purpose` and the default, where 0 is not to wait."""
    shown = f"{default:.0f}" if default else "do not wait"
    return option(name, f"{purpose}; default: {shown}", metavar="SECONDS", type=seconds, default=default)


def one_of(*declared: Option) -> Option:
    """Declare options that exclude each other."""

    def add(parser: argparse._ActionsContainer) -> None:
        group = parser.add_mutually_exclusive_group()
        for each in declared:
            each(group)

    return add


def seconds(text: str) -> float:
    """Return a number of seconds from an option's value. Raises what argparse turns into a usage error."""
    value = float(text)
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError("a number of seconds from 0 to 3600")
    return value


YES = flag("--yes", "do not ask for confirmation")
FIPS = flag("--fips", "write for a FIPS build")
# The Teleport that will read the configuration.
BUILD = (option("--teleport-version", "write for this version; default: the installed", metavar="X.Y.Z"), FIPS)
# The limit of each wait for a service.
WAIT = duration("--wait", clock.WAIT_SECONDS, "how long to wait for instance metadata, and again for AWS")
BUCKET_OWNER = option("--expected-bucket-owner", "refuse a bucket of another account (s3:// only)", metavar="ID")
USER_DATA = option("--user-data", "user-data or a template of it, with the conf", metavar="FILE")
# The sources of the conf and the metadata.
_FACTS = "local-ipv4 or ipv6, public-ipv4, local-hostname, instance-id, region and tags"
SOURCES = (
    one_of(option("--conf", f"the conf to read; default: {paths.CONF}", metavar="FILE"), USER_DATA),
    option(
        "--overrides", f"the override files to merge; default: {paths.OVERRIDES}, or none with --conf", metavar="DIR"
    ),
    option("--metadata", f"a YAML file with {_FACTS}; with it, no network is used", metavar="FILE"),
)


def root(arguments: argparse.Namespace) -> paths.Root:
    """Return the root that --root names. Raises UsageError if it is not a directory, FileTrouble if that is unknown."""
    try:
        is_directory = stat.S_ISDIR(os.stat(arguments.root).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_directory = False
    except OSError as error:
        raise errors.FileTrouble(
            f"--root {arguments.root} cannot be used: {error.strerror}", hint="Check its permissions and its disk."
        ) from None
    if not is_directory:
        raise errors.UsageError(f"--root {arguments.root} is not a directory", hint="Check the path.")
    return paths.Root(arguments.root)


def doors(arguments: argparse.Namespace) -> gather.Doors:
    """Return the outside world as --root and --wait name it. Raises UsageError if the root is not a directory."""
    return gather.Doors(root(arguments), os.environ, arguments.wait)


def build(arguments: argparse.Namespace) -> gather.NamedBuild:
    """Return the build that --teleport-version and --fips name."""
    return gather.NamedBuild(arguments.teleport_version, arguments.fips)
