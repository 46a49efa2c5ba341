"""What a plan is made from, read from this machine and this instance."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from teleport_bootstrap import errors, paths
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.host import teleport, trust
from teleport_bootstrap.plan import overrides as override_files
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.state import metadata_cache

logger = logging.getLogger(__name__)

WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Doors:
    """Where the outside is: the root, the environment with its endpoints, and how long to wait for each service."""

    root: paths.Root
    environ: Mapping[str, str]
    wait_seconds: float = WAIT_SECONDS


@dataclass(frozen=True)
class NamedBuild:
    """What the command line says of Teleport; None and False where it leaves the question to the binary."""

    version: str | None = None
    fips: bool = False


def conf(root: paths.Root) -> conf_file.Conf | None:
    """Return the instance's conf, None where there is none; raises ConfInvalid, UntrustedPath, FileTrouble."""
    data = trust.read(root, paths.CONF)
    return None if data is None else conf_file.load(data, root.path(paths.CONF))


def overrides(root: paths.Root) -> tuple[override_files.Override, ...]:
    """Return the instance's override files in the order of merging; raises UntrustedPath, FileTrouble."""
    # Whoever can write to the directory above can put another one in its place.
    trust.names(root, paths.CONF_DIRECTORY)
    chosen, notes = override_files.chosen(trust.names(root, paths.OVERRIDES))
    for note in notes:
        logger.warning("%s/%s", root.path(paths.OVERRIDES), note)
    found = []
    for name in chosen:
        path = f"{paths.OVERRIDES}/{name}"
        content = trust.read(root, path)
        if content is not None:
            found.append(override_files.Override(root.path(path), content))
    return tuple(found)


def build(root: paths.Root, named: NamedBuild) -> teleport_build.TeleportBuild:
    """Return the Teleport that will read the document: the one named, the one installed, or the newest we know.

    Raises UsageError, TeleportVersionUnknown, and TeleportUnsupported where FIPS is asked of a build that is not FIPS.
    """
    if named.version is not None:
        return teleport_build.named(named.version, fips=named.fips)
    binary = teleport.find(root)
    if binary is None:
        assumed = teleport_build.ASSUMED
        return teleport_build.TeleportBuild(assumed.major, assumed.minor, assumed.patch, fips=named.fips, assumed=True)
    answer = teleport.version(binary)
    found = teleport_build.parse_output(answer.output) if answer.ok else None
    if found is None:
        raise errors.TeleportVersionUnknown(
            f"{binary} did not say which version it is: {answer.describe()}",
            hint=f"Run `{binary} version`; name one with --teleport-version where it cannot answer.",
        )
    if named.fips and not found.fips and not found.says_whether_fips:
        return dataclasses.replace(found, fips=True)
    if named.fips and not found.fips:
        raise errors.TeleportUnsupported(
            f"--fips is given, but {binary} is not a FIPS build of Teleport",
            hint="Install the FIPS build of Teleport Enterprise, or leave --fips away.",
        )
    return found


def instance(conf: conf_file.Conf, doors: Doors) -> facts.Facts:
    """Return what the instance says of itself; raises the errors of the metadata service."""
    # These bring an HTTP library with them, which nothing that works offline should wait for.
    from teleport_bootstrap.aws import tags as aws_tags  # noqa: PLC0415
    from teleport_bootstrap.ec2 import imds  # noqa: PLC0415

    client = imds.Imds.from_environment(doors.environ, deadline_seconds=doors.wait_seconds)
    tag_keys = conf.value(variables.TELEPORT_TAG_LABELS) or ()
    return facts.read(
        client,
        region=conf.value(variables.EC2_REGION),
        tag_keys=tag_keys,
        describe_tags=aws_tags.describer(client, environ=doors.environ) if tag_keys else None,
    )


def region(conf: conf_file.Conf, doors: Doors) -> str:
    """Return the AWS region: the conf's, the one this instance last said it is in, or the one it says now."""
    named = conf.value(variables.EC2_REGION) or metadata_cache.read(doors.root).get("region")
    return named or instance(conf, doors).region
