"""The instance's tags through the EC2 API, for the keys that instance metadata cannot show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from teleport_bootstrap.aws import calls, failures, partition, session
from teleport_bootstrap.ec2 import credentials as instance_credentials
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import retry


def describer(
    imds: Imds,
    *,
    environ: Mapping[str, str],
    fips: bool = False,
    deadline_seconds: float = 20.0,
    clock: Optional[clocks.Clock] = None,
) -> Callable[[str, str, Sequence[str]], dict[str, str]]:
    """Return the `describe_tags` that teleport_bootstrap.ec2.facts.read takes; nothing is asked before it is called.

    The deadline is short: a label is not worth a minute of the boot where no VPC endpoint for EC2 exists.
    """

    def describe_tags(region: str, instance_id: str, keys: Sequence[str]) -> dict[str, str]:
        credentials = instance_credentials.refreshable(imds, deadline_seconds=deadline_seconds)
        client = session.client(
            "ec2", region=region, credentials=credentials, environ=environ, fips=fips, deadline_seconds=deadline_seconds
        )
        return describe(
            keys,
            client=client,
            region=region,
            instance_id=instance_id,
            deadline_seconds=deadline_seconds,
            clock=clock,
            renew=credentials.renew,
        )

    return describe_tags


def describe(
    keys: Sequence[str],
    *,
    client: Any,
    region: str,
    instance_id: str,
    deadline_seconds: float = 20.0,
    clock: Optional[clocks.Clock] = None,
    renew: Optional[Callable[[], None]] = None,
) -> dict[str, str]:
    """Return those tags of the instance whose keys are in `keys`; `client` is a botocore client for ec2.

    Raises AwsDenied, AwsThrottled, AwsUnreachable, AwsFailed, ClockWrong.
    """
    call = failures.Call(
        action="ec2:DescribeTags",
        resources=("*",),  # the action knows no narrower one
        endpoint=client.meta.endpoint_url,
        region=region,
        partition=partition.of(region).name,
    )
    answer = calls.perform(
        lambda: client.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance_id]}]),
        call,
        deadline=retry.Deadline(deadline_seconds, clock),
        attempt_seconds=session.attempt_seconds(client),
        renew=renew,
    )
    # Keys are compared here and not by a filter, where * and ? in a key would match others. An instance has at most
    # 50 tags, which come in one answer.
    return {tag["Key"]: tag["Value"] for tag in answer["Tags"] if tag["Key"] in keys}
