"""Options that several commands share."""

from __future__ import annotations

import argparse
import os

from teleport_bootstrap import errors, paths
from teleport_bootstrap.cli import layout
from teleport_bootstrap.host import journal
from teleport_bootstrap.instance import gather


def add_global(parser: argparse.ArgumentParser, *, with_defaults: bool) -> None:
    """Add the options that are accepted before and after the command; only the program's own help explains them.

    After the command, an option that is missing leaves the value from before it as it is.
    """

    def default(value: str) -> str:
        return value if with_defaults else argparse.SUPPRESS

    def explained(text: str) -> str:
        return text if with_defaults else argparse.SUPPRESS

    parser.add_argument("--root", metavar="DIR", default=default("/"), help=explained("the root directory; default: /"))
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default=default("text"),
        help=explained("how to print the result; default: text"),
    )
    parser.add_argument(
        "--log-level",
        choices=tuple(journal.LEVELS),
        default=default("info"),
        help=explained("which messages to log; default: info"),
    )


def share(parser: argparse.ArgumentParser) -> None:
    """Add these options to a command and to each command below it."""
    for _, below in layout.commands(parser):
        share(below)
    add_global(parser, with_defaults=False)


def add_build(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the Teleport that will read the configuration."""
    parser.add_argument(
        "--teleport-version", metavar="X.Y.Z", help="the version to write for; default: the installed one"
    )
    parser.add_argument("--fips", action="store_true", help="write for a FIPS build")


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add the option that limits each wait for a service."""
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=seconds,
        default=gather.WAIT_SECONDS,
        help=f"how long to wait for instance metadata, and again for AWS; default: {gather.WAIT_SECONDS:.0f}",
    )


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the sources of the conf and the metadata."""
    parser.add_argument("--conf", metavar="FILE", help=f"the conf to read; default: {paths.CONF}")
    parser.add_argument(
        "--overrides",
        metavar="DIR",
        help=f"the override files to merge; default: {paths.OVERRIDES}, or none with --conf",
    )
    parser.add_argument(
        "--metadata",
        metavar="FILE",
        help="a YAML file with local-ipv4, public-ipv4, local-hostname, instance-id, region and tags; "
        "with it, no network is used",
    )


def root(arguments: argparse.Namespace) -> paths.Root:
    """Return the root that --root names. Raises UsageError if it is not a directory."""
    if not os.path.isdir(arguments.root):
        raise errors.UsageError(f"--root {arguments.root} is not a directory", hint="Check the path.")
    return paths.Root(arguments.root)


def build(arguments: argparse.Namespace) -> gather.NamedBuild:
    """Return the build that --teleport-version and --fips name."""
    return gather.NamedBuild(arguments.teleport_version, arguments.fips)


def seconds(text: str) -> float:
    """Return a number of seconds from an option's value. Raises what argparse turns into a usage error."""
    value = float(text)
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError("a number of seconds from 0 to 3600")
    return value
