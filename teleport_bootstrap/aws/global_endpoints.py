"""IAM and Route 53, which have one endpoint for all regions of a partition; requests are signed for its own region.

From the endpoint rule sets of current botocore, with which a test compares each region.
"""

from __future__ import annotations

from teleport_bootstrap.hints import NamedTuple


class _Home(NamedTuple):
    """The region of a service in a partition, and what its two hosts have between service and domain."""

    region: str
    regular: str = ""
    fips: str = ""


_HOMES = {
    "iam": {
        "aws": _Home("us-east-1"),
        "aws-cn": _Home("cn-north-1", "cn-north-1"),
        "aws-eusc": _Home("eusc-de-east-1", "eusc-de-east-1"),
        "aws-us-gov": _Home("us-gov-west-1", "us-gov", "us-gov"),
        "aws-iso": _Home("us-iso-east-1", "us-iso-east-1", "us-iso-east-1"),
        "aws-iso-b": _Home("us-isob-east-1", "us-isob-east-1", "us-isob-east-1"),
        "aws-iso-e": _Home("eu-isoe-west-1", "eu-isoe-west-1"),
        "aws-iso-f": _Home("us-isof-south-1", "us-isof-south-1"),
    },
    "route53": {
        "aws": _Home("us-east-1"),
        "aws-cn": _Home("cn-northwest-1"),
        "aws-eusc": _Home("eusc-de-east-1"),
        "aws-us-gov": _Home("us-gov-west-1", "us-gov", "us-gov"),
        "aws-iso": _Home("us-iso-east-1"),
        "aws-iso-b": _Home("us-isob-east-1"),
        "aws-iso-e": _Home("eu-isoe-west-1"),
        "aws-iso-f": _Home("us-isof-south-1"),
    },
}
# What hosts of dual-stack endpoints have there.
_DUAL_STACK = {"aws": "global", "aws-cn": "global", "aws-eusc": "global", "aws-us-gov": "us-gov"}


def signing_region(service: str, partition: str) -> str:
    """Return the region that requests to `service` (iam, route53) are signed for in the partition of that name."""
    return _HOMES[service][partition].region


def host(service: str, partition: str, *, fips: bool, dual_stack: bool) -> str:
    """Return the host of `service` in that partition, without the domain."""
    home = _HOMES[service][partition]
    part = home.fips if fips else home.regular
    if dual_stack:
        part = "" if fips and partition in ("aws-cn", "aws-eusc") else _DUAL_STACK.get(partition, "")
    # In GovCloud the regular endpoints are FIPS endpoints.
    name = f"{service}-fips" if fips and partition != "aws-us-gov" else service
    return f"{name}.{part}" if part else name
