"""The address of the instance metadata service, from the environment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from teleport_bootstrap import errors, regex

ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
MODE = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
DISABLED = "AWS_EC2_METADATA_DISABLED"

_BY_MODE = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}
# People append the path that they have seen in examples.
_CUSTOMARY_PATH = regex.compile(r"(/latest(/meta-data)?)?/*\Z")


def from_environment(environ: Mapping[str, str]) -> str:
    """Return the base URL of the metadata service, without a trailing slash.

    The variables are those of the AWS command line and SDKs; the endpoint wins over the mode. Empty ones count as
    unset. Raises MetadataDisabled when the environment turns the service off, UsageError for an invalid value.
    """
    if environ.get(DISABLED, "").strip().lower() == "true":
        raise errors.MetadataDisabled(
            f"the environment forbids asking the instance metadata service: {DISABLED} is true",
            hint=f"Unset {DISABLED} (check /etc/default, /etc/environment and `systemctl show-environment`).",
        )
    mode = environ.get(MODE, "").strip()
    if mode and mode.lower() not in _BY_MODE:
        raise errors.UsageError(
            f"{MODE} is {mode[:40]!r}, which is neither IPv4 nor IPv6", hint=f"Set {MODE} to IPv4 or IPv6, or unset it."
        )
    endpoint = environ.get(ENDPOINT, "").strip()
    return _checked(endpoint) if endpoint else _BY_MODE[mode.lower() or "ipv4"]


def is_named(environ: Mapping[str, str]) -> bool:
    """Return whether the environment names the service's address itself."""
    return bool(environ.get(ENDPOINT, "").strip())


def other(environ: Mapping[str, str]) -> str | None:
    """Return the second address to try, the only one that answers in IPv6-only subnets.

    None where the environment names the first one.
    """
    named = environ.get(ENDPOINT, "").strip() or environ.get(MODE, "").strip()
    return None if named else _BY_MODE["ipv6"]


def invalid(answer: str) -> errors.MetadataInvalid:
    """Return the error for an answer that cannot be from EC2; `answer` says what it was."""
    return errors.MetadataInvalid(
        f"the instance metadata service {answer}",
        hint=f"Only the EC2 metadata service should answer there; check {ENDPOINT} and any HTTP proxy in between.",
    )


def _checked(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
        if host and ":" in host:
            ipaddress.IPv6Address(host)
    except ValueError:
        host, port = None, None
        parts = urlsplit("")
    # A URL with a user name and password is refused without being shown.
    plain = not parts.query and not parts.fragment and "@" not in parts.netloc and port != 0
    if parts.scheme not in ("http", "https") or not host or not plain or re.search(r"[\s\\]", endpoint):
        raise errors.UsageError(
            f"{ENDPOINT} is not a URL of the form http://HOST[:PORT]",
            hint=f"Unset {ENDPOINT} to use {_BY_MODE['ipv4']}, or set it to the URL of the service.",
        )
    return f"{parts.scheme}://{parts.netloc}{_CUSTOMARY_PATH.sub('', parts.path)}"
