"""Where this host keeps its backups: what its timer was told, or the default."""

from __future__ import annotations

import argparse
import contextlib
import shlex

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.cli import backup_create, command_line, options
from teleport_bootstrap.host import directory, systemd
from teleport_bootstrap.records import dataclass

_ARGUMENTS = "BACKUP_ARGUMENTS"


@dataclass(frozen=True)
class Place:
    """A place for backups, as it is written on the command line, and the account that must own its bucket."""

    text: str | None = None
    expected_owner: str | None = None

    @property
    def words(self) -> tuple[str | None, str | None]:
        """Return both."""
        return self.text, self.expected_owner

    def destination(self, root: paths.Root) -> destination.Destination:
        """Return it parsed. Raises UsageError."""
        return destination.parse(self.text, root)


def of_host(root: paths.Root) -> Place:
    """Return where the daily backups of this host go, the default place where nothing says so."""
    with contextlib.suppress(errors.BootstrapError, argparse.ArgumentError, ValueError):
        return _place(shlex.split(_arguments(root)))
    return Place()


def _place(words: list[str]) -> Place:
    parser = command_line.Parser(add_help=False)
    for declare in backup_create.OPTIONS:
        declare(parser)
    options.add_global(parser, with_defaults=True)
    found = parser.parse_args([word for word in words if word != "create"])
    return Place(found.destination, found.expected_bucket_owner)


def _arguments(root: paths.Root) -> str:
    """Return the arguments of the unit's command. Raises UnitTrouble, and FileTrouble."""
    service = unit_table.BACKUP.service
    if systemd.is_running(root) and systemd.is_installed(root, service):
        return systemd.environment(service).get(_ARGUMENTS, "")
    content = (directory.content(root, paths.DEFAULTS) or b"").decode("utf-8", "replace")
    found = ""
    for line in content.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and name == _ARGUMENTS:
            # Quoted for systemd, and split into words after that.
            found = " ".join(shlex.split(value))
    return found
