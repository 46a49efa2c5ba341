"""The way to AWS from this instance, with or without a conf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from teleport_bootstrap import errors, paths
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.ec2 import item_formats, items
from teleport_bootstrap.instance import gather
from teleport_bootstrap.state import metadata_cache

if TYPE_CHECKING:  # AWS's library takes half a second to load, which only those who call AWS should wait for
    from teleport_bootstrap.aws.access import Access
    from teleport_bootstrap.ec2.imds import Imds


def access(doors: gather.Doors, conf: conf_file.Conf | None = None, *, fips: bool = False) -> Access:
    """Return how to call AWS with the role of this instance; its credentials are fetched, nothing else is asked yet.

    The region is that of the conf, the one this instance last said it is in, or the one it says now; a restore at boot
    has no conf to give. Raises CredentialsMissing, MetadataAbsent, and the other errors of the metadata service.
    """
    from teleport_bootstrap.aws.access import Access  # noqa: PLC0415
    from teleport_bootstrap.ec2 import credentials, imds  # noqa: PLC0415

    service = imds.Imds.from_environment(doors.environ, deadline_seconds=doors.wait_seconds)
    return Access(
        region=_region(doors, conf, service),
        credentials=credentials.refreshable(service),
        environ=doors.environ,
        fips=fips,
        wait_seconds=doors.wait_seconds,
    )


def client(doors: gather.Doors, conf: conf_file.Conf | None, service: str, *, fips: bool = False) -> Any:
    """Return a botocore client for `service` alone; raises as `access` does, which also tells how to renew."""
    return access(doors, conf, fips=fips).client(service)


def conf_if_readable(root: paths.Root) -> conf_file.Conf | None:
    """Return the conf for the region that it may name; None where there is none, or where it cannot be read.

    For what has to work on a host whose conf is broken, such as a backup of it.
    """
    try:
        return gather.conf(root)
    except errors.BootstrapError:
        return None


def _region(doors: gather.Doors, conf: conf_file.Conf | None, service: Imds) -> str:
    named = conf.value(variables.EC2_REGION) if conf else None
    found = (
        named or metadata_cache.read(doors.root).get(item_formats.REGION) or items.read(service, item_formats.REGION)
    )
    if not found:
        raise errors.MetadataAbsent(
            "the instance metadata service does not say which region this is", hint="Set EC2_REGION in the conf."
        )
    return found
