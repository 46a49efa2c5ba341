"""What this instance was restored from, and whether its conf asks for a restore that has not been made yet."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, fields
from typing import Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import changeset
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.host import directory
from teleport_bootstrap.state import current, generations

logger = logging.getLogger(__name__)

RESTORE_SERVICE = "teleport-restore.service"


@dataclass(frozen=True)
class Restored:
    """A restore that was made here: of which archive, with its digest, and when (ISO 8601, UTC).

    `asked` is the TELEPORT_RESTORE_FROM of the conf that lay here, None where a person asked on the command line.
    `aside_sha256` is the digest of that conf, and `aside_says` that of its assignments: user-data may write it again at
    each boot. `aside` is where it is kept, `conf_sha256` the digest of the archive's conf, of which there is a copy.
    """

    archive: str = "an archive that nobody remembers"
    digest: str = ""
    at: str = "some time"
    asked: str | None = None
    aside: str | None = None
    aside_sha256: str | None = None
    aside_says: str | None = None
    conf_sha256: str | None = None


def read(root: paths.Root) -> Restored | None:
    """Return what was restored here, None where nothing was. Raises FileTrouble where nobody can tell."""
    shown = root.path(paths.RESTORED)
    try:
        found = directory.read(root, paths.RESTORED)
    except OSError as error:
        raise errors.FileTrouble(f"{shown} cannot be read: {error.strerror}", hint="Run as root.") from None
    if found is None:
        return None
    try:
        data: Any = json.loads(found.content)
        return Restored(**{field.name: data[field.name] for field in fields(Restored) if field.name in data})
    except (ValueError, TypeError):
        raise errors.FileTrouble(
            f"{shown} is damaged, so nobody can tell whether this instance was restored",
            hint="Remove the file where it was not; where it was, write {} into it.",
        ) from None


def stage(changes: changeset.Changeset, made: Restored, conf_copy: bytes | None) -> None:
    """Make the record a part of `changes`, with a copy of the archive's conf."""
    content = json.dumps(asdict(made), indent=1) + "\n"
    changes.write(paths.RESTORED, content.encode(), mode=0o600, owner="root", group="root")
    if conf_copy is not None:
        changes.write(paths.RESTORED_CONF, conf_copy, mode=0o600, owner="root", group="root")
    else:
        changes.remove(paths.RESTORED_CONF)


def pending(root: paths.Root, conf: conf_file.Conf | None) -> str | None:
    """Return what the conf asks to restore, where that is still to be done; raises as `read` does.

    It is not on an instance that was restored, and not on one that Teleport was configured on in another way: whoever
    adds the line there does not expect that its data goes.
    """
    asked = None if conf is None else conf.value(variables.TELEPORT_RESTORE_FROM)
    if asked is None or read(root) is not None:
        return None
    if os.path.lexists(root.path(paths.TELEPORT_YAML)) or current.known(root) is not None:
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
    """Return what a person can do about a restore at boot that does not come about."""
    return (
        "`teleport-bootstrap restore` tries it now, with further options if need be; "
        f"to start empty instead, remove the TELEPORT_RESTORE_FROM line from {root.path(paths.CONF)} and run "
        "`systemctl restart teleport-generate-config`."
    )


def ignored(root: paths.Root, conf: conf_file.Conf) -> tuple[str, ...]:
    """Return a note where the conf asks for a restore that is not made any more."""
    if conf.value(variables.TELEPORT_RESTORE_FROM) is None:
        return ()
    made = read(root)
    since = f"{made.archive} was restored here at {made.at}" if made else "this instance was configured without it"
    return (f"TELEPORT_RESTORE_FROM is for the first boot only, and is ignored: {since}",)


def instead(conf: conf_file.Conf) -> tuple[str, ...]:
    """Return a note for whoever looks at what `given` would give, where a first boot restores a backup instead."""
    asked = conf.value(variables.TELEPORT_RESTORE_FROM)
    if asked is None:
        return ()
    rest = "an all-in-one, is what the conf gives without that line" if is_bare(conf) else "is put aside"
    return (f"the first boot of an instance restores {asked}, with the conf that is in it; what is shown here {rest}",)


def put_conf_back(root: paths.Root, conf: conf_file.Conf) -> tuple[str, ...]:
    """Put the archive's conf back where user-data has written its own again; return notes, none where it has not.

    Raises FileTrouble. Where the archive's conf was edited and applied since, there is no copy of that: then the conf
    is only noted as one that is not followed.
    """
    made = read(root)
    if made is None or not _is_set_aside(root, conf, made):
        return ()
    copy = directory.read(root, paths.RESTORED_CONF)
    now = current.known(root)
    applied = None
    if now is not None:
        try:
            applied = generations.load(root, now.generation).conf_sha256
        except errors.GenerationMissing as error:
            logger.warning("%s", error.message)
    shown = root.path(paths.CONF)
    if copy is not None and applied in (None, generations.digest(copy.content)):
        with changeset.Changeset(root) as changes:
            changes.write(paths.CONF, copy.content, mode=0o600, owner="root", group="root")
            changes.commit()
        return (f"{shown} was again the one from before the restore of {made.archive}: the archive's is back",)
    if now is not None:
        found = directory.read(root, paths.CONF)
        held = None if found is None else generations.digest(found.content)
        current.write(
            root,
            current.Current(
                now.generation,
                now.confirmed,
                held,
                f"it is the one from before the restore of {made.archive}",
                now.previous,
                now.aside,
            ),
        )
    return (f"{shown} is again the one from before the restore of {made.archive}: it is not followed",)


def says(conf: conf_file.Conf) -> str:
    """Return a digest of what a conf assigns, whatever its comments, order and blanks are."""
    assigned = {name: _plain(setting.value) for name, setting in conf.settings.items()}
    return generations.digest(json.dumps(assigned, sort_keys=True, default=repr).encode())


def is_bare(conf: conf_file.Conf) -> bool:
    """Whether a conf says nothing of what the instance should be, but at most what to restore on it, and where."""
    return set(conf.settings) <= _NO_STATEMENT


_NO_STATEMENT = {variables.TELEPORT_RESTORE_FROM.name, variables.EC2_REGION.name, variables.DEBUG.name}


def _is_set_aside(root: paths.Root, conf: conf_file.Conf, made: Restored) -> bool:
    if conf.value(variables.TELEPORT_RESTORE_FROM) is None:
        return False
    found = directory.read(root, paths.CONF)
    same_file = found is not None and generations.digest(found.content) == made.aside_sha256
    return same_file or says(conf) == made.aside_says or is_bare(conf)


def _plain(value: Any) -> Any:
    return value.reveal() if hasattr(value, "reveal") else value
