"""The EC2 API: the instance's tags, for the keys that instance metadata cannot show."""

from __future__ import annotations

from collections.abc import Collection

from teleport_bootstrap.aws.service import Service


class Ec2:
    """The EC2 API in one region; get it from `account.Aws.ec2`, which says what methods raise."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def instance_tags(self, instance_id: str, keys: Collection[str]) -> dict[str, str]:
        """Return those tags of the instance whose keys are in `keys`."""
        answer = self._service.call(
            "ec2:DescribeTags",
            ["*"],  # IAM supports no narrower resource for this action
            Filters=[{"Name": "resource-id", "Values": [instance_id]}],
        )
        # Keys are compared here and not by a filter, in which * and ? would match other keys. An instance has at most
        # 50 tags, which fit into one answer.
        return {tag["Key"]: tag["Value"] for tag in answer["Tags"] if tag["Key"] in keys}
