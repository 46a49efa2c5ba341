"""AWS as this instance reaches it, with or without a conf."""

from __future__ import annotations

from teleport_bootstrap import errors, paths
from teleport_bootstrap.aws import account, endpoints
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.instance import gather


def aws(
    doors: gather.Doors, conf: conf_file.Conf | None = None, *, region: str | None = None, fips: bool = False
) -> account.Aws:
    """Return AWS as the role of this instance may call it; credentials are fetched, nothing else is requested yet.

    `region` is by default what `gather.region` returns. `fips` chooses FIPS endpoints in regions that have them.
    Raises CredentialsMissing, MetadataAbsent, and the other errors of the metadata service.
    """
    region = region or gather.region(doors, conf)
    return account.Aws.of_instance(
        gather.metadata_service(doors),
        region,
        doors.environ,
        fips=fips and endpoints.has_fips(region),
        wait_seconds=doors.wait_seconds,
    )


def conf_if_readable(root: paths.Root) -> conf_file.Conf | None:
    """Return the conf, for the region that it may name; None where there is none or it cannot be read.

    For commands that must work on a host whose conf is broken, such as a backup of it.
    """
    try:
        return gather.conf(root)
    except errors.BootstrapError:
        return None
