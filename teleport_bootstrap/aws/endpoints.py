"""Which endpoint of a service to call: the environment's, a FIPS one, a dual-stack one, or the usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional
from urllib.parse import urlsplit

from teleport_bootstrap import errors
from teleport_bootstrap.aws import partition as partitions

FIPS = "AWS_USE_FIPS_ENDPOINT"
DUAL_STACK = "AWS_USE_DUALSTACK_ENDPOINT"
_URL = "AWS_ENDPOINT_URL"
_IGNORE_URLS = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Return whether a switch is on. Raises UsageError for a value other than true and false, which SDKs pass over."""
    value = environ.get(name, "").strip().lower()
    if value not in ("", "true", "false"):
        raise errors.UsageError(f"{name} is neither true nor false", hint=f"Set {name} to true, or unset it.")
    return value == "true"


def configured(service: str, environ: Mapping[str, str]) -> Optional[str]:
    """Return the URL that the environment sets for `service`, None without one. Raises UsageError for no URL.

    AWS_ENDPOINT_URL_<SERVICE> wins over AWS_ENDPOINT_URL, as in the SDKs; botocore reads them only since 1.31.
    """
    if is_set(environ, _IGNORE_URLS):
        return None
    for name in (f"{_URL}_{service.upper()}", _URL):
        value = environ.get(name, "").strip()
        if not value:
            continue
        try:
            parts = urlsplit(value)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid or "@" in value:
            raise errors.UsageError(
                f"{name} is not a URL of the form https://HOST[:PORT]", hint=f"Unset {name} to use AWS's own endpoint."
            )
        return value.rstrip("/")
    return None


def has_fips(region: str) -> bool:
    """Return whether AWS runs FIPS endpoints in `region`: it does in the United States and in Canada only."""
    return region.startswith(("us-", "ca-"))


def url(service: str, region: str, *, fips: bool, dual_stack: bool) -> str:
    """Return the address of `service` (ssm, s3, dynamodb, sts, ec2) in `region`, without asking botocore.

    Needed for a botocore before 1.23, which has no such options; the rules are those of the endpoint rule sets in
    current botocore, and a test compares the two.
    """
    partition = partitions.of(region)
    host = service
    # In GovCloud the usual endpoints are FIPS ones, except those of S3 and the dual-stack ones.
    if fips and not (partition.name == "aws-us-gov" and service != "s3" and not dual_stack):
        host += "-fips"
    if service == "s3":
        return f"https://{host}{'.dualstack' if dual_stack else ''}.{region}.{partition.domain}"
    return f"https://{host}.{region}.{partition.dual_stack if dual_stack else partition.domain}"
