"""The secrets a plan names: fetched before anything is written, and never replaced by nothing."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from teleport_bootstrap import errors
from teleport_bootstrap.apply import gather
from teleport_bootstrap.conf import conf, variables
from teleport_bootstrap.host import changeset, directory, root
from teleport_bootstrap.plan import model
from teleport_bootstrap.secret import Secret

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """The secrets that were had, by path, and a note for each that was not."""

    values: dict[str, Secret]
    notes: tuple[str, ...] = ()


def fetch(
    wanted: tuple[model.SecretFile, ...], given: conf.Conf, region: str, fips: bool, doors: gather.Doors
) -> Fetched:
    """Return the content of the files in `wanted`.

    Where AWS fails and the last known good files are all still there, they stay, with a note; otherwise raises what
    `aws.ssm` raises. Nothing is asked of AWS where the conf itself holds the secret.
    """
    values = {each.path: _from_conf(given) for each in wanted if each.variable is not None}
    parameters = {each.parameter: each for each in wanted if each.parameter is not None}
    if not parameters:
        return Fetched(values)
    from teleport_bootstrap.aws import ssm  # noqa: PLC0415 - botocore takes a while to import
    from teleport_bootstrap.ec2 import imds  # noqa: PLC0415

    client = imds.Imds.from_environment(doors.environ, deadline_seconds=doors.wait_seconds)
    logger.info("Fetching from SSM in %s: %s", region, ", ".join(parameters))
    try:
        found = ssm.fetch(
            list(parameters),
            region=region,
            imds=client,
            environ=doors.environ,
            fips=fips,
            deadline_seconds=doors.wait_seconds,
        )
    except errors.BootstrapError as error:
        if not all(is_present(doors.where, each.path) for each in parameters.values()):
            raise
        kept = ", ".join(each.path for each in parameters.values())
        return Fetched(values, (f"{kept} stays as it was, because SSM did not give a new one: {error.message}",))
    values.update({parameters[name].path: _normalised(secret) for name, secret in found.items()})
    return Fetched(values)


def is_present(where: root.Root, path: str) -> bool:
    """Whether `path` is a regular file that holds something."""
    try:
        parent = directory.Directory(where.path(os.path.dirname(path)))
    except OSError:
        return False
    try:
        found = parent.read(os.path.basename(path))
    except OSError:
        return False
    finally:
        parent.close()
    return found is not None and bool(found.content.strip())


def stage(changes: changeset.Changeset, wanted: tuple[model.SecretFile, ...], fetched: Fetched) -> None:
    """Add the files of the secrets that were had to `changes`."""
    for each in wanted:
        secret = fetched.values.get(each.path)
        if secret is not None:
            changes.write(each.path, secret.reveal().encode(), mode=each.mode, owner=each.owner, group=each.group)


def _from_conf(given: conf.Conf) -> Secret:
    found = given.value(variables.TELEPORT_JOIN_TOKEN)
    if found is None:
        raise AssertionError("TELEPORT_JOIN_TOKEN is not set, though requirements.check passed")
    return found


def _normalised(secret: Secret) -> Secret:
    """Return the secret with exactly one line end at its end, as people put values with and without one."""
    return Secret(secret.reveal().strip() + "\n")
