"""Which part of AWS a region belongs to, and the domains that its endpoints are in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Partition:
    """`name` as in ARNs; `domain` of its endpoints (services/domain in metadata), `dual_stack` of those with IPv6."""

    name: str
    domain: str
    dual_stack: str


_COMMERCIAL = Partition("aws", "amazonaws.com", "api.aws")
# From partitions.json of current botocore; the one in Debian 11 does not know all of these, and takes an unknown
# region for a commercial one.
_BY_PREFIX = {
    "cn-": Partition("aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "eusc-": Partition("aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"),
    "us-gov-": Partition("aws-us-gov", "amazonaws.com", "api.aws"),
    "us-iso-": Partition("aws-iso", "c2s.ic.gov", "api.aws.ic.gov"),
    "us-isob-": Partition("aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud"),
    "us-isof-": Partition("aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    "eu-isoe-": Partition("aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
}


def of(region: str) -> Partition:
    """Return the partition of `region`; the commercial one for a region that is not known to be elsewhere."""
    return next((partition for prefix, partition in _BY_PREFIX.items() if region.startswith(prefix)), _COMMERCIAL)
