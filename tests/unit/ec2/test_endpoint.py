from __future__ import annotations

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import endpoint

ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
MODE = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "http://169.254.169.254"),
        ({ENDPOINT: "", MODE: ""}, "http://169.254.169.254"),
        ({MODE: "IPv4"}, "http://169.254.169.254"),
        ({MODE: "IPv6"}, "http://[fd00:ec2::254]"),
        ({MODE: "ipv6"}, "http://[fd00:ec2::254]"),
        ({MODE: "IPV6"}, "http://[fd00:ec2::254]"),
        ({ENDPOINT: "http://127.0.0.1:1338", MODE: "IPv6"}, "http://127.0.0.1:1338"),
        ({ENDPOINT: "http://127.0.0.1:1338/"}, "http://127.0.0.1:1338"),
        ({ENDPOINT: "http://127.0.0.1:1338/latest/meta-data/"}, "http://127.0.0.1:1338"),
        ({ENDPOINT: "http://127.0.0.1:1338/latest"}, "http://127.0.0.1:1338"),
        ({ENDPOINT: "http://proxy.internal/imds/"}, "http://proxy.internal/imds"),
        ({ENDPOINT: " http://[fd00:ec2::254]/ "}, "http://[fd00:ec2::254]"),
        ({"AWS_EC2_METADATA_DISABLED": "false"}, "http://169.254.169.254"),
    ],
)
def test_the_environment_sets_the_address_of_the_service(environ: dict[str, str], expected: str) -> None:
    assert endpoint.from_environment(environ) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "http://[fd00:ec2::254]"),
        ({ENDPOINT: " ", MODE: ""}, "http://[fd00:ec2::254]"),
        ({MODE: "IPv4"}, None),
        ({MODE: "IPv6"}, None),
        ({ENDPOINT: "http://127.0.0.1:1338"}, None),
    ],
)
def test_both_addresses_are_tried_unless_the_environment_names_one(
    environ: dict[str, str], expected: str | None
) -> None:
    assert endpoint.other(environ) == expected


@pytest.mark.parametrize("value", ["true", "True", "TRUE", " true "])
def test_the_environment_can_disable_the_service(value: str) -> None:
    with pytest.raises(errors.MetadataDisabled, match="AWS_EC2_METADATA_DISABLED is true"):
        endpoint.from_environment({"AWS_EC2_METADATA_DISABLED": value})


def test_an_invalid_mode_is_an_error_and_not_ipv4() -> None:
    with pytest.raises(errors.UsageError, match="neither IPv4 nor IPv6"):
        endpoint.from_environment({MODE: "IPv5"})


@pytest.mark.parametrize(
    "value",
    [
        "169.254.169.254",
        "ftp://169.254.169.254",
        "http://",
        "http://[fd00:ec2::254",
        "http://[not-an-address:]/",
        "http://host:99999",
        "http://host:0",
        "http://host/?a=b",
        "http://host/#a",
        "http://a host/",
        "file:///etc/passwd",
    ],
)
def test_an_endpoint_that_is_not_a_url_is_an_error(value: str) -> None:
    with pytest.raises(errors.UsageError, match=ENDPOINT):
        endpoint.from_environment({ENDPOINT: value})


def test_a_password_in_the_endpoint_is_refused_and_not_shown() -> None:
    with pytest.raises(errors.UsageError) as caught:
        endpoint.from_environment({ENDPOINT: "http://user:hunter2@host/"})
    assert "hunter2" not in str(caught.value) + caught.value.hint
