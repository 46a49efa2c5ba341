"""The name of this host in the item that the cluster's auth servers lock."""

from __future__ import annotations

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import item_formats, items
from teleport_bootstrap.instance import gather
from teleport_bootstrap.state import metadata_cache


def holder_name(doors: gather.Doors) -> str:
    """Return the private DNS name of this instance, which is unique in its VPC, unlike the output of `hostname`.

    It is read each time, since the disk may come from another instance; while the metadata service does not answer, the
    last known name is used. Raises the errors of the metadata service where no name is known.
    """
    last_known = metadata_cache.read(doors.root).get(item_formats.LOCAL_HOSTNAME)
    try:
        return items.read_required(gather.metadata_service(doors), item_formats.LOCAL_HOSTNAME)
    except errors.BootstrapError:
        if last_known is None:
            raise
        return last_known
