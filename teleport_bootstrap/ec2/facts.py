"""The facts about the instance that a plan needs, from the metadata service or from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from teleport_bootstrap.ec2 import item_formats, items, metadata_file, tags

if TYPE_CHECKING:  # `plan` needs only the class below, and should not wait for an HTTP library
    from teleport_bootstrap.ec2.imds import Imds


@dataclass(frozen=True)
class Facts:
    """An instance, as a plan sees it; all values have been checked.

    `public_ipv4` is None for an instance without one. `tags` holds only the tag keys that were requested, or all those
    in a --metadata file. `notes` are messages for the operator about tags that could not be read.
    """

    local_ipv4: str
    local_hostname: str
    instance_id: str
    region: str
    public_ipv4: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read(
    imds: Imds,
    *,
    region: str | None,
    tag_keys: Sequence[str] = (),
    describe_tags: tags.DescribeTags | None = None,
) -> Facts:
    """Read the facts about this instance from the metadata service, all within one deadline.

    `region` is EC2_REGION of the conf; when it is None, the service is asked. Of the tags only `tag_keys` are read;
    `describe_tags` is used for those that the service cannot show. A tag that cannot be read is a note, never an error.
    Raises MetadataAbsent, MetadataInvalid and what Imds.get raises.
    """
    deadline = imds.deadline()
    local_ipv4 = items.read_required(imds, item_formats.LOCAL_IPV4, deadline=deadline)
    local_hostname = items.read_required(imds, item_formats.LOCAL_HOSTNAME, deadline=deadline)
    instance_id = items.read_required(imds, item_formats.INSTANCE_ID, deadline=deadline)
    region = region or items.read_required(imds, item_formats.REGION, deadline=deadline)
    public_ipv4 = items.read(imds, item_formats.PUBLIC_IPV4, deadline=deadline)
    found, notes = tags.read(
        imds, tag_keys, region=region, instance_id=instance_id, describe_tags=describe_tags, deadline=deadline
    )
    return Facts(local_ipv4, local_hostname, instance_id, region, public_ipv4, found, notes)


def from_yaml(text: str, path: str, *, region: str | None = None) -> Facts:
    """Return the facts in `text`, the YAML of a --metadata file that messages call `path`.

    `region`, EC2_REGION of the conf, wins over that of the file. Raises MetadataFileInvalid with all problems.
    """
    values, written = metadata_file.parse(text, path, region=region)
    return Facts(
        local_ipv4=values[item_formats.LOCAL_IPV4],
        local_hostname=values[item_formats.LOCAL_HOSTNAME],
        instance_id=values[item_formats.INSTANCE_ID],
        region=values[item_formats.REGION],
        public_ipv4=values.get(item_formats.PUBLIC_IPV4),
        tags=written,
    )
