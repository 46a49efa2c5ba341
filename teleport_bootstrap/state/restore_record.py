"""What this instance was restored from, and whether its conf asks for a restore that is still to be done."""

from __future__ import annotations

import json
import os

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret
from teleport_bootstrap.state import current, generations, state_file

RESTORE_SERVICE = unit_table.RESTORE.service


@dataclass(frozen=True)
class Restored:
    """A restore on this instance: the archive with its digest, and the time (ISO 8601, UTC).

    `asked` is the TELEPORT_RESTORE_FROM of the conf before it, None where the archive came from the command line.
    `aside_sha256` is the digest of that conf, and `aside_says` that of its assignments: user-data may write it again at
    each boot. `aside` is where it is kept, `conf_sha256` the digest of the archive's conf, of which there is a copy.
    """

    archive: str | None = None
    digest: str = ""
    at: str | None = None
    asked: str | None = None
    aside: str | None = None
    aside_sha256: str | None = None
    aside_says: str | None = None
    conf_sha256: str | None = None

    def __str__(self) -> str:
        return self.archive or "an unknown archive"


FILE: state_file.StateFile[Restored] = state_file.StateFile(
    paths.RESTORED,
    Restored,
    unknown="it is unknown whether this instance was restored",
    hint="Remove the file if it was not; if it was, write {} into it.",
)


def pending(root: paths.Root, conf: conf_file.Conf | None) -> str | None:
    """Return what the conf asks to restore, where that is still to be done; raises as `read` does.

    Not on an instance that was restored, nor on one where Teleport was configured in another way: an operator who adds
    the line there does not expect to lose its data.
    """
    asked = None if conf is None else conf.value(variables.TELEPORT_RESTORE_FROM)
    if asked is None or FILE.read(root) is not None:
        return None
    if os.path.lexists(root.path(paths.TELEPORT_YAML)) or current.FILE.read_or_warn(root) is not None:
        return None
    return asked


def refusal(root: paths.Root, command: str, asked: str) -> errors.RestorePending:
    """Return the error with which `command` leaves a host alone whose restore is still to be done."""
    return errors.RestorePending(
        f"{root.path(paths.CONF)} says TELEPORT_RESTORE_FROM={asked}, and that has not been restored yet, so that "
        f"{command} would start a Teleport without its data",
        hint=f"{way_out(root)} Nothing was changed.",
    )


def way_out(root: paths.Root) -> str:
    """Return what an operator can do about a restore at boot that fails."""
    return (
        "`teleport-bootstrap restore` tries it now, with further options if need be; "
        f"to start empty instead, remove the TELEPORT_RESTORE_FROM line from {root.path(paths.CONF)} and run "
        "`systemctl restart teleport-generate-config`."
    )


def ignored(root: paths.Root, conf: conf_file.Conf) -> tuple[str, ...]:
    """Return a note where the conf asks for a restore that is not made any more."""
    if conf.value(variables.TELEPORT_RESTORE_FROM) is None:
        return ()
    made = FILE.read(root)
    since = "this instance was configured without it"
    if made:
        since = f"{made} was restored here at {made.at or 'an unknown time'}"
    return (f"TELEPORT_RESTORE_FROM is for the first boot only, and is ignored: {since}",)


def instead(conf: conf_file.Conf) -> tuple[str, ...]:
    """Return a note for a preview of `conf` where the first boot restores a backup instead."""
    asked = conf.value(variables.TELEPORT_RESTORE_FROM)
    if asked is None:
        return ()
    rest = "an all-in-one, is what the conf gives without that line" if is_bare(conf) else "is put aside"
    return (f"the first boot of an instance restores {asked}, with the conf that is in it; what is shown here {rest}",)


def says(conf: conf_file.Conf) -> str:
    """Return a digest of what a conf assigns, whatever its comments, order and blanks are."""
    assigned = {name: setting.value for name, setting in conf.settings.items()}

    def plain(value: object) -> str:
        return value.reveal() if isinstance(value, Secret) else repr(value)

    return generations.digest(json.dumps(assigned, sort_keys=True, default=plain).encode())


def is_bare(conf: conf_file.Conf) -> bool:
    """Whether a conf does not say what the instance should be, but at most what to restore and whom to signal."""
    about_launch = (
        variables.TELEPORT_RESTORE_FROM,
        variables.EC2_REGION,
        variables.DEBUG,
        variables.TELEPORT_SIGNAL,
        variables.TELEPORT_SIGNAL_SECONDS,
    )
    return set(conf.settings) <= {each.name for each in about_launch}
