"""Which endpoint of a service to call: the one in the environment, a FIPS, a dual-stack or the regular one."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from teleport_bootstrap import errors
from teleport_bootstrap.aws import global_endpoints
from teleport_bootstrap.records import dataclass

FIPS = "AWS_USE_FIPS_ENDPOINT"
DUAL_STACK = "AWS_USE_DUALSTACK_ENDPOINT"
URL = "AWS_ENDPOINT_URL"
_IGNORE_URLS = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"

# Those that have one endpoint for all regions of a partition.
_GLOBAL = ("iam", "route53")
# In GovCloud their regular endpoints are FIPS endpoints, except the dual-stack ones.
_FIPS_IN_GOVCLOUD = (
    *("ssm", "dynamodb", "ec2", "sts", "elasticloadbalancing"),
    *("application-autoscaling", "autoscaling", "cloudformation"),
)
# How variables name the services whose names they do not just write in capitals.
_IN_VARIABLES = {
    "elasticloadbalancing": "ELASTIC_LOAD_BALANCING_V2",
    "route53": "ROUTE_53",
    "application-autoscaling": "APPLICATION_AUTO_SCALING",
    "autoscaling": "AUTO_SCALING",
}


@dataclass(frozen=True)
class Partition:
    """A part of AWS: its `name` in ARNs, and the `domain` of its regular and its `dual_stack` (IPv6) endpoints."""

    name: str
    domain: str
    dual_stack: str


_COMMERCIAL = Partition("aws", "amazonaws.com", "api.aws")
# From partitions.json of current botocore. The botocore of Debian 11 lacks some of these, and takes an unknown region
# for a commercial one.
_BY_PREFIX = {
    "cn-": Partition("aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "eusc-": Partition("aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"),
    "us-gov-": Partition("aws-us-gov", "amazonaws.com", "api.aws"),
    "us-iso-": Partition("aws-iso", "c2s.ic.gov", "api.aws.ic.gov"),
    "us-isob-": Partition("aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud"),
    "us-isof-": Partition("aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    "eu-isoe-": Partition("aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
}


def partition_of(region: str) -> Partition:
    """Return the partition of `region`; a region with an unknown prefix is a commercial one."""
    return next((partition for prefix, partition in _BY_PREFIX.items() if region.startswith(prefix)), _COMMERCIAL)


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Return whether the switch `name` is on.

    Raises UsageError for values other than true and false, which AWS's SDKs silently ignore.
    """
    value = environ.get(name, "").strip().lower()
    if value not in ("", "true", "false"):
        raise errors.UsageError(f"{name} is neither true nor false", hint=f"Set {name} to true, or unset it.")
    return value == "true"


def configured(service: str, environ: Mapping[str, str]) -> str | None:
    """Return the URL that the environment sets for `service`, or None. Raises UsageError for an invalid URL.

    AWS_ENDPOINT_URL_<SERVICE> wins over AWS_ENDPOINT_URL, as in the SDKs.
    """
    if is_set(environ, _IGNORE_URLS):
        return None
    for name in (f"{URL}_{_IN_VARIABLES.get(service, service.upper())}", URL):
        value = environ.get(name, "").strip()
        if not value:
            continue
        try:
            parts = urlsplit(value)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
            valid = valid and not parts.query and not parts.fragment
        except ValueError:
            valid = False
        if not valid or "@" in value:
            raise errors.UsageError(
                f"{name} is not a URL of the form https://HOST[:PORT]", hint=f"Unset {name} to use AWS's own endpoint."
            )
        return value.rstrip("/")
    return None


def has_fips(region: str) -> bool:
    """Return whether AWS has FIPS endpoints in `region`: only regions in the United States and Canada have them."""
    return region.startswith(("us-", "ca-"))


def is_global(service: str) -> bool:
    """Return whether `service` has one endpoint for all regions."""
    return service in _GLOBAL


def signing_region(service: str, region: str) -> str:
    """Return the region that requests to `service` are signed for, by a caller in `region`."""
    if is_global(service):
        return global_endpoints.signing_region(service, partition_of(region).name)
    return region


def url(service: str, region: str, *, fips: bool, dual_stack: bool) -> str:
    """Return the URL of `service`, by its name in signatures, in `region`, computed without botocore.

    The rules are those of the endpoint rule sets in current botocore; a test compares the two.
    """
    partition = partition_of(region)
    if is_global(service):
        name = global_endpoints.host(service, partition.name, fips=fips, dual_stack=dual_stack)
        return f"https://{name}.{partition.dual_stack if dual_stack else partition.domain}"
    host = service
    if fips and not (partition.name == "aws-us-gov" and service in _FIPS_IN_GOVCLOUD and not dual_stack):
        host += "-fips"
    if service == "s3":
        return f"https://{host}{'.dualstack' if dual_stack else ''}.{region}.{partition.domain}"
    return f"https://{host}.{region}.{partition.dual_stack if dual_stack else partition.domain}"
