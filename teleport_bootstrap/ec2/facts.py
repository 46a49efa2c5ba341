"""What the plan needs to know of the instance, however it was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import item_formats, metadata_file, tags

if TYPE_CHECKING:  # `plan` needs only the value below, and should not wait for an HTTP library
    from teleport_bootstrap.ec2.imds import Imds


@dataclass(frozen=True)
class Facts:
    """An instance, as the plan sees it. Values are checked before they get here: addresses are addresses.

    `public_ipv4` is None for an instance without one. `tags` holds only the tag keys that were asked for, or all
    of a --metadata file. `notes` are messages for the operator about tags that could not be had.
    """

    local_ipv4: str
    local_hostname: str
    instance_id: str
    region: str
    public_ipv4: Optional[str] = None
    tags: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read(
    imds: Imds,
    *,
    region: Optional[str],
    tag_keys: Sequence[str] = (),
    describe_tags: Optional[tags.DescribeTags] = None,
) -> Facts:
    """Ask the metadata service for the facts of this instance, all within one deadline.

    `region` is the conf's EC2_REGION; the service is asked for it only when that is None. Of the tags only `tag_keys`
    are read; `describe_tags` (see teleport_bootstrap.aws.tags) is used for those that the service cannot give.
    A tag that cannot be had is a note, never an error. Raises MetadataAbsent, MetadataInvalid and what Imds.get raises.
    """
    deadline = imds.deadline()

    def item(path: str, name: str) -> str:
        text = imds.get(path, deadline=deadline)
        if text is None:
            raise errors.MetadataAbsent(
                f"the instance metadata service has no {path}",
                hint="Set EC2_REGION in the conf."
                if name == item_formats.REGION
                else "Is this an EC2 instance in a VPC?",
            )
        return _checked(path, name, text)

    local_ipv4 = item("local-ipv4", item_formats.LOCAL_IPV4)
    local_hostname = item("local-hostname", item_formats.LOCAL_HOSTNAME)
    instance_id = item("instance-id", item_formats.INSTANCE_ID)
    region = region or item("placement/region", item_formats.REGION)
    public_ipv4 = imds.get("public-ipv4", deadline=deadline)
    found, notes = tags.read(
        imds, tag_keys, region=region, instance_id=instance_id, describe_tags=describe_tags, deadline=deadline
    )
    return Facts(
        local_ipv4=local_ipv4,
        local_hostname=local_hostname,
        instance_id=instance_id,
        region=region,
        # Some services that imitate EC2 answer with nothing instead of 404.
        public_ipv4=_checked("public-ipv4", item_formats.PUBLIC_IPV4, public_ipv4) if public_ipv4 else None,
        tags=found,
        notes=notes,
    )


def from_yaml(text: str, path: str, *, region: Optional[str] = None) -> Facts:
    """Return the facts written in `text`, the YAML of a --metadata file; `path` is what messages call it.

    `region`, the conf's EC2_REGION, wins over the file's. Raises MetadataFileInvalid with everything that is wrong.
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


def _checked(path: str, name: str, text: str) -> str:
    try:
        return item_formats.CHECKS[name](text)
    except ValueError as error:
        raise errors.MetadataInvalid(
            f"the instance metadata service gave something else for {path}: {item_formats.excerpt(text)} is {error}",
            hint="Only the EC2 metadata service should answer there; check AWS_EC2_METADATA_SERVICE_ENDPOINT and "
            "any HTTP proxy in between.",
        ) from None
