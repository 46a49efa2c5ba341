"""What this machine and this instance are: the inputs of a plan, and access to AWS."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from teleport_bootstrap import errors, log, paths, records, remarks
from teleport_bootstrap.aws import account, endpoints
from teleport_bootstrap.change import boot_service
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.ec2 import facts, imds, items
from teleport_bootstrap.host import clock, pacing, teleport, trust
from teleport_bootstrap.instance import fips_sources, user_data
from teleport_bootstrap.plan import activation, plan_model, requirements, teleport_build
from teleport_bootstrap.plan import overrides as override_files
from teleport_bootstrap.records import dataclass, field
from teleport_bootstrap.state import current, metadata_cache

logger = log.Logger(__name__)

# For ec2:DescribeTags. Short, since labels are not worth a minute of the boot where there is no VPC endpoint for EC2.
TAGS_SECONDS = 20.0


class Metadata:
    """The metadata service, as far as a command has asked it; the next request needs no other token or connection."""

    def __init__(self) -> None:
        self.service: imds.Imds | None = None
        self.is_ipv6_only: bool | None = None


@dataclass(frozen=True)
class Doors:
    """The outside world: the root directory, the environment with its endpoints, and the wait for each service.

    `crowd` is there where all hosts of a fleet may be fetching their secrets at the same time. Copies with another wait
    share `metadata`.
    """

    root: paths.Root
    environ: Mapping[str, str]
    wait_seconds: float = clock.WAIT_SECONDS
    crowd: pacing.Crowd | None = None
    metadata: Metadata = field(default_factory=Metadata, repr=False, compare=False)


@dataclass(frozen=True)
class NamedBuild:
    """The Teleport that the command line names; None and False where the installed binary decides."""

    version: str | None = None
    fips: bool = False


def conf(root: paths.Root) -> conf_file.Conf | None:
    """Return the instance's conf, None where there is none, and log its warnings.

    Raises ConfInvalid, UntrustedPath, FileTrouble.
    """
    data = trust.read(root, paths.CONF)
    if data is None:
        return None
    found = requirements.load(data, root.path(paths.CONF))
    log_warnings(found)
    return found


def log_warnings(conf: conf_file.Conf) -> None:
    """Log each warning about `conf`, once however often a command reads the file."""
    for warning in conf.warnings:
        if remarks.add(warning):
            logger.warning("%s", warning)


def conf_if_readable(root: paths.Root) -> conf_file.Conf | None:
    """Return the conf, for the region that it may name; None where there is none or it cannot be read.

    For commands that must work on a host whose conf is broken, such as a backup of it.
    """
    try:
        return conf(root)
    except errors.BootstrapError:
        return None


def manual_host(root: paths.Root, consequence: str) -> str:
    """Return why a host without a conf needs nothing, with `consequence` for people: it is configured manually.

    Raises ConfMissing where it has no teleport.yaml either.
    """
    if os.path.lexists(root.path(paths.TELEPORT_YAML)):
        return f"this instance is configured manually, so {consequence}"
    raise errors.ConfMissing(
        f"there is neither {root.path(paths.CONF)} nor {paths.TELEPORT_YAML}",
        hint=f"Write {paths.CONF}, then run `{boot_service.command(root)}`.",
        findings=user_data.why_no_conf(root),
    )


def overrides(root: paths.Root) -> tuple[override_files.Override, ...]:
    """Return the instance's override files in the order of merging; raises UntrustedPath, FileTrouble."""
    # An account that can write to the parent directory could replace this one.
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


def build(root: paths.Root, named: NamedBuild, conf: conf_file.Conf | None = None) -> teleport_build.TeleportBuild:
    """Return the Teleport that will read the document: the named one, the installed one, or the newest known one.

    `conf` may say whether it is a FIPS build; by default that is the instance's own. Raises UsageError,
    TeleportVersionUnknown, and TeleportUnsupported where FIPS is required of a build without it.
    """
    said = fips_sources.read(root, conf or conf_if_readable(root), is_given=named.fips)
    if named.version is not None:
        return teleport_build.of_version(named.version, fips=said.is_fips is True)
    binary = teleport.find(root)
    if binary is None:
        return records.replace(teleport_build.ASSUMED, fips=said.is_fips is True)
    answer = teleport.version(binary)
    found = teleport_build.parse_output(answer.output) if answer.ok else None
    if found is None:
        raise errors.TeleportVersionUnknown(
            f"{binary} did not report its version: {answer.describe()}",
            hint=f"Run `{binary} version`; if it cannot answer, name the version with --teleport-version.",
        )
    if said.is_fips and not found.fips and found.says_whether_fips:
        raise errors.TeleportUnsupported(
            f"{said.where}, but {binary} is not a FIPS build of Teleport",
            hint="Install the FIPS build of Teleport Enterprise, or correct what says so.",
        )
    if said.is_fips is not None:
        return records.replace(found, fips=said.is_fips)
    # There is no FIPS build of the community edition.
    is_unknown = not found.fips and not found.says_whether_fips and found.edition != teleport_build.COMMUNITY
    return records.replace(found, is_fips_unknown=is_unknown)


def is_fips(root: paths.Root, conf: conf_file.Conf | None = None) -> bool:
    """Return whether this instance runs a FIPS build, as far as that can be found out; see `build`."""
    try:
        return build(root, NamedBuild(), conf).fips
    except errors.BootstrapError:
        return fips_sources.read(root, conf or conf_if_readable(root)).is_fips is True


def applicable(
    root: paths.Root, conf: conf_file.Conf, build: teleport_build.TeleportBuild
) -> tuple[plan_model.Applicable, bool]:
    """Return what applies to this host, the conf or the generation it was rolled back to, and whether that is FIPS."""
    staying = current.instead_of_conf(root)
    return (activation.plan(conf, build), build.fips) if staying is None else (staying[0], staying[0].fips)


def metadata_service(doors: Doors) -> imds.Imds:
    """Return the instance metadata service; nothing is sent yet. Raises MetadataDisabled and UsageError."""
    asked = doors.metadata
    if asked.service is None:
        asked.service = imds.Imds.from_environment(doors.environ, doors.root, deadline_seconds=doors.wait_seconds)
    return asked.service.within(doors.wait_seconds)


def instance(conf: conf_file.Conf, doors: Doors) -> facts.Facts:
    """Return the facts of this instance; raises the errors of the metadata service."""
    service = metadata_service(doors)
    tag_keys = conf.value(variables.TELEPORT_TAG_LABELS) or ()

    def describe_tags(region: str, instance_id: str, keys: Sequence[str]) -> Mapping[str, str]:
        fips = endpoints.has_fips(region) and is_fips(doors.root, conf)
        aws = account.Aws.of_instance(service, region, doors.environ, fips=fips, wait_seconds=TAGS_SECONDS)
        aws = records.replace(aws, dual_stack=_has_only_ipv6(doors, service))
        return aws.instance_tags(instance_id, keys)

    region = conf.value(variables.EC2_REGION)
    found = facts.read(
        service,
        region=region,
        needs_hostname=needs_hostname(conf),
        tag_keys=tag_keys,
        describe_tags=describe_tags,
    )
    doors.metadata.is_ipv6_only = found.is_ipv6_only
    return found


def needs_hostname(conf: conf_file.Conf) -> bool:
    """Return whether the plan for `conf` uses the private DNS name of the instance."""
    return conf.value(variables.TELEPORT_NODENAME) is None


def region_of(doors: Doors, conf: conf_file.Conf | None) -> str:
    """Return the AWS region: from the conf, as the metadata service last reported it, or as it reports it now."""
    return (
        (conf.value(variables.EC2_REGION) if conf is not None else None)
        or metadata_cache.read(doors.root).get(items.REGION)
        or items.read_required(metadata_service(doors), items.REGION)
    )


def aws(
    doors: Doors, conf: conf_file.Conf | None = None, *, region: str | None = None, fips: bool | None = None
) -> account.Aws:
    """Return AWS as the role of this instance may call it; credentials are fetched, nothing else is requested yet.

    `region` is by default what `region_of` returns. `fips` chooses FIPS endpoints in regions that have them; by default
    that is for an instance with a FIPS build.
    Raises CredentialsMissing, MetadataAbsent, and the other errors of the metadata service.
    """
    name = region or region_of(doors, conf)
    chosen = endpoints.has_fips(name) and (is_fips(doors.root, conf) if fips is None else fips)
    service = metadata_service(doors)
    found = account.Aws.of_instance(service, name, doors.environ, fips=chosen, wait_seconds=doors.wait_seconds)
    return records.replace(found, dual_stack=_has_only_ipv6(doors, service), crowd=doors.crowd)


def _has_only_ipv6(doors: Doors, service: imds.Imds) -> bool:
    """Whether AWS can be reached over IPv6 alone, where the regular endpoints of most services do not answer."""
    if doors.environ.get(endpoints.DUAL_STACK) or doors.environ.get(endpoints.URL):
        return False  # the environment decides
    known = doors.metadata.is_ipv6_only
    if known is None:
        known = metadata_cache.says_ipv6_only(doors.root)
    if known is not None:
        return known
    return items.read(service, items.LOCAL_IPV4) is None and items.read(service, items.IPV6) is not None
