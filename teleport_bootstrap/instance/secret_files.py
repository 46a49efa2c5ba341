"""The secrets a plan names: fetched before anything is written, and never replaced by nothing."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import changeset
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.host import directory
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import pins, plan_model
from teleport_bootstrap.plan.services import teleport_section
from teleport_bootstrap.secret import Secret

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """The secrets that were had, by path, and a note for each that was not."""

    values: dict[str, Secret]
    notes: tuple[str, ...] = ()


def from_conf(wanted: tuple[plan_model.SecretFile, ...], conf: conf_file.Conf) -> dict[str, Secret]:
    """Return the secrets that the conf itself holds, by path."""
    token = conf.value(variables.TELEPORT_JOIN_TOKEN)
    return {each.path: _line(token) for each in wanted if each.variable is not None and token is not None}


def fetch(wanted: tuple[plan_model.SecretFile, ...], region: str, fips: bool, doors: gather.Doors) -> Fetched:
    """Return what `ask` returns; where AWS fails, the last known good files stay, with a note.

    Raises what `ask` raises where a file is not there that Teleport cannot wait for.
    """
    try:
        return ask(wanted, region, fips, doors)
    except errors.BootstrapError as error:
        if not all(each.awaited or is_present(doors.root, each.path) for each in wanted if each.parameter):
            raise
        return Fetched({}, (f"SSM gave nothing, and what is here stays: {error.message}. {error.hint}",))


def ask(wanted: tuple[plan_model.SecretFile, ...], region: str, fips: bool, doors: gather.Doors) -> Fetched:
    """Return the content of those files in `wanted` that SSM holds, in one call.

    One that an instance can wait for may be missing, which a note tells. Raises what `aws.ssm` raises, and
    ParameterInvalid where something else stands in a CA pin's place.
    """
    parameters = {each.parameter: each for each in wanted if each.parameter is not None}
    if not parameters:
        return Fetched({})
    from teleport_bootstrap.aws import endpoints, ssm  # noqa: PLC0415 - botocore takes a while to import
    from teleport_bootstrap.ec2 import imds  # noqa: PLC0415

    client = imds.Imds.from_environment(doors.environ, deadline_seconds=doors.wait_seconds)
    logger.info("fetching from SSM in %s: %s", region, ", ".join(parameters))
    found = ssm.fetch(
        list(parameters),
        region=region,
        imds=client,
        environ=doors.environ,
        optional=[name for name, each in parameters.items() if each.awaited],
        fips=fips and endpoints.has_fips(region),
        deadline_seconds=doors.wait_seconds,
    )
    unpublished = [each for name, each in parameters.items() if name not in found]
    return Fetched(
        {parameters[name].path: _content(parameters[name], secret, region) for name, secret in found.items()},
        tuple(f"SSM parameter {each.parameter} has not been published yet" for each in unpublished),
    )


def _content(file: plan_model.SecretFile, secret: Secret, region: str) -> Secret:
    """Return what to write to `file`, whose parameter holds `secret`."""
    if file.path != teleport_section.CA_PIN:
        return _line(secret)
    found = pins.listed(secret.reveal())
    if not found:
        raise errors.ParameterInvalid(
            f"SSM parameter {file.parameter} in {region} does not hold CA pins, one a line",
            hint="A pin is sha256: and 64 hexadecimal digits; `tctl status` on the auth server shows it.",
        )
    return Secret("".join(f"{pin}\n" for pin in found))


def missing(root: paths.Root, wanted: tuple[plan_model.SecretFile, ...]) -> tuple[plan_model.SecretFile, ...]:
    """Return those of `wanted` whose files are not there or hold nothing."""
    return tuple(each for each in wanted if not is_present(root, each.path))


def is_present(root: paths.Root, path: str) -> bool:
    """Whether `path` leads to a file that holds something, as systemd and Teleport would find: links count.

    Only what we could have written is read; of anything else, the size has to do.
    """
    content = read(root, path)
    if content is not None:
        return bool(content.strip())
    try:
        facts = os.stat(root.path(path))
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size > 0


def changed_at(root: paths.Root, path: str) -> float | None:
    """Return when the file `path` got its name or its content, in seconds since 1970; None where it is absent."""
    try:
        return os.lstat(root.path(path)).st_ctime
    except OSError:
        return None


def read(root: paths.Root, path: str) -> bytes | None:
    """Return what the regular file `path` holds; None where it is absent or something else."""
    try:
        found = directory.read(root, path)
    except OSError:
        return None
    return None if found is None else found.content


def stage(
    changes: changeset.Changeset, wanted: tuple[plan_model.SecretFile, ...], values: Mapping[str, Secret]
) -> None:
    """Add the files of the secrets in `values`, by path, to `changes`.

    Of the others, a blank file that Teleport's unit waits for goes away: it is as good as none, but systemd cannot see
    that. Older images left such files behind when SSM did not answer.
    """
    for each in wanted:
        secret = values.get(each.path)
        if secret is not None:
            changes.write(each.path, secret.reveal().encode(), mode=each.mode, owner=each.owner, group=each.group)
        elif each.awaited and _is_blank(changes.root, each.path):
            # It would open the gate, and Teleport would stop at once, again and again.
            changes.remove(each.path)


def _is_blank(root: paths.Root, path: str) -> bool:
    content = read(root, path)
    return content is not None and not content.strip()


def _line(secret: Secret) -> Secret:
    """Return the secret with exactly one line end at its end, as people put values with and without one."""
    return Secret(secret.reveal().strip() + "\n")
