"""The tags by which AWS says which stack and which auto scaling group an instance belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap import errors, records
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.instance import gather

STACK, RESOURCE = "aws:cloudformation:stack-name", "aws:cloudformation:logical-id"
GROUP = "aws:autoscaling:groupName"


def read(doors: gather.Doors, conf: conf_file.Conf | None, instance_id: str, keys: Sequence[str]) -> dict[str, str]:
    """Return those tags of this instance, all of `keys`: from the metadata, otherwise from ec2:DescribeTags.

    Raises SignalImpossible where one is missing or cannot be read, and the errors of the metadata service.
    """
    service = gather.metadata_service(doors)
    # Where tags are not allowed in the metadata, there is no list of them.
    shown = service.get("tags/instance/")
    if shown is not None:
        values = {key: service.get(f"tags/instance/{key}") for key in keys if key in shown.splitlines()}
        found = {key: value for key, value in values.items() if value}
    else:
        found = _described(doors, conf, instance_id, keys)
    missing = [key for key in keys if key not in found]
    if missing:
        raise errors.SignalImpossible(
            f"this instance ({instance_id}) has no tag {', '.join(missing)}, so it is not known whom to signal",
            hint="AWS sets these tags on instances of a stack, and of an auto scaling group. Name the stack and the "
            "resource as TELEPORT_SIGNAL=cloudformation:STACK/RESOURCE; a lifecycle hook works in a group only.",
        )
    return found


def _described(
    doors: gather.Doors, conf: conf_file.Conf | None, instance_id: str, keys: Sequence[str]
) -> dict[str, str]:
    short = records.replace(doors, wait_seconds=min(doors.wait_seconds, gather.TAGS_SECONDS))
    try:
        return gather.aws(short, conf).instance_tags(instance_id, keys)
    except errors.BootstrapError as error:
        raise errors.SignalImpossible(
            f"the tags {', '.join(keys)} of this instance cannot be read: {error.message}",
            hint="Allow tags in the metadata: `aws ec2 modify-instance-metadata-options "
            f"--instance-id {instance_id} --instance-metadata-tags enabled`, or `InstanceMetadataTags: enabled` in "
            "the launch template. " + error.hint,
        ) from None
