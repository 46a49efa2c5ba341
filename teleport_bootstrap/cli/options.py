"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.cli import layout
from teleport_bootstrap.host import journal
from teleport_bootstrap.instance import gather

# Name, default and purpose of the options that every command has, and what else argparse needs to know.
_GLOBAL: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("--root", "/", "the root directory", {"metavar": "DIR"}),
    ("--format", "text", "how to print the result", {"choices": ("text", "json")}),
    ("--log-level", "info", "which messages to log", {"choices": tuple(journal.LEVELS)}),
)


def add_global(parser: argparse.ArgumentParser, *, with_defaults: bool) -> None:
    """Add the options that are accepted before and after the command; only the program's own help explains them.

    After the command, an option that is missing leaves the value from before it as it is.
    """
    for name, default, purpose, more in _GLOBAL:
        shown = (default, f"{purpose}; default: {default}") if with_defaults else (argparse.SUPPRESS, argparse.SUPPRESS)
        parser.add_argument(name, default=shown[0], help=shown[1], **more)


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
    add_seconds(parser, "--wait", gather.WAIT_SECONDS, "how long to wait for instance metadata, and again for AWS")


def add_seconds(parser: argparse.ArgumentParser, name: str, default: float, purpose: str) -> None:
    """Add an option for a number of seconds; its help is `purpose` and the default, where 0 is not to wait."""
    shown = f"{default:.0f}" if default else "do not wait"
    parser.add_argument(name, metavar="SECONDS", type=seconds, default=default, help=f"{purpose}; default: {shown}")


def add_bucket_owner(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the account that must own a bucket."""
    purpose = "refuse a bucket of another account (s3:// only)"
    parser.add_argument("--expected-bucket-owner", metavar="ACCOUNT", help=purpose)


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the sources of the conf and the metadata."""
    parser.add_argument("--conf", metavar="FILE", help=f"the conf to read; default: {paths.CONF}")
    purpose = f"the override files to merge; default: {paths.OVERRIDES}, or none with --conf"
    parser.add_argument("--overrides", metavar="DIR", help=purpose)
    facts = "local-ipv4, public-ipv4, local-hostname, instance-id, region and tags"
    parser.add_argument("--metadata", metavar="FILE", help=f"a YAML file with {facts}; with it, no network is used")


def root(arguments: argparse.Namespace) -> paths.Root:
    """Return the root that --root names. Raises UsageError if it is not a directory."""
    if not os.path.isdir(arguments.root):
        raise errors.UsageError(f"--root {arguments.root} is not a directory", hint="Check the path.")
    return paths.Root(arguments.root)


def doors(arguments: argparse.Namespace) -> gather.Doors:
    """Return the outside world as --root and --wait name it. Raises UsageError if the root is not a directory."""
    return gather.Doors(root(arguments), os.environ, arguments.wait)


def build(arguments: argparse.Namespace) -> gather.NamedBuild:
    """Return the build that --teleport-version and --fips name."""
    return gather.NamedBuild(arguments.teleport_version, arguments.fips)


def seconds(text: str) -> float:
    """Return a number of seconds from an option's value. Raises what argparse turns into a usage error."""
    value = float(text)
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError("a number of seconds from 0 to 3600")
    return value
