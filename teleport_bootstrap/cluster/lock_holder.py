"""The lock of the cluster's auth servers, held by this host under its name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.aws import account
from teleport_bootstrap.cluster import lock
from teleport_bootstrap.ec2 import item_formats, items
from teleport_bootstrap.instance import gather
from teleport_bootstrap.state import metadata_cache


@contextlib.contextmanager
def hold(doors: gather.Doors, aws: account.Aws, table: str) -> Iterator[lock.Lease]:
    """Hold the lock in `table` while the body runs; raises as lock.hold and `holder_name` do."""
    with lock.hold(
        aws.dynamodb,
        root=doors.root,
        table=table,
        process=holder_name(doors),
        deadline_seconds=doors.wait_seconds,
        terms=lock.Terms(request_seconds=min(lock.REQUEST_SECONDS, doors.wait_seconds)),
    ) as lease:
        yield lease


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
