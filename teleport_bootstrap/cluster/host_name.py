"""What this host is called in the item that the cluster's auth servers lock."""

from __future__ import annotations

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import imds, item_formats, items
from teleport_bootstrap.instance import gather
from teleport_bootstrap.state import metadata_cache


def of(doors: gather.Doors) -> str:
    """Return the private DNS name of this instance, which its VPC has once, whatever `hostname` says.

    It is asked for each time, since a disk may have come from another instance; what it last was has to do while the
    metadata service does not answer. Raises the errors of the metadata service where it never was known.
    """
    service = imds.Imds.from_environment(doors.environ, deadline_seconds=doors.wait_seconds)
    known = metadata_cache.read(doors.root).get(item_formats.LOCAL_HOSTNAME)
    try:
        found = items.read(service, item_formats.LOCAL_HOSTNAME) or known
    except errors.BootstrapError:
        if not known:
            raise
        return known
    if not found:
        raise errors.MetadataAbsent(
            "the instance metadata service does not say what this host is called",
            hint="Is this an EC2 instance in a VPC?",
        )
    return found
