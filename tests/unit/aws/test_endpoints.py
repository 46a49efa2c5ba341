"""The hosts that we call, against those that a current botocore calls."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.credentials import Credentials

from teleport_bootstrap import errors
from teleport_bootstrap.aws import botocore_client, connection, endpoints, signed_client
from teleport_bootstrap.host import clock

OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "ssm": ("GetParameters", {"Names": ["a"]}),
    "s3": ("ListObjectsV2", {"Bucket": "bucket"}),
    "dynamodb": ("GetItem", {"TableName": "a"}),
    "ec2": ("DescribeTags", {}),
    "sts": ("GetCallerIdentity", {}),
    "elasticloadbalancing": ("DescribeListeners", {}),
    "iam": ("GetRole", {}),
    "route53": ("ListHostedZonesByName", {}),
}


class Seen(Exception):
    """The request that would have been sent."""

    def __init__(self, request: Any) -> None:
        super().__init__()
        self.request = request


def called(service: str, region: str, environ: dict[str, str], *, fips: bool = False) -> Any:
    """Return the request that a client would send, in the moment before it would."""

    def stop(request: Any, **_: Any) -> None:
        raise Seen(request)

    found = connection.plan(service, region=region, environ=environ, fips=fips)
    keys = Credentials("key", "secret", "token")
    client: Any
    if service == "s3":
        client = botocore_client.create(found, credentials=keys)
        client.client.meta.events.register_first("before-send", stop)
    else:
        client = signed_client.SignedClient(found, credentials=keys, clock=clock.SYSTEM)
        client._session.send = stop
    with pytest.raises(Seen) as caught:
        client.send(*OPERATIONS[service])
    return caught.value.request


def host(request: Any) -> str:
    return str(request.url).split("/")[2]


needs_current = pytest.mark.skipif(
    not botocore_client.knows_endpoint_variants(), reason="this botocore is one of those that the made-up hosts are for"
)


def partitions() -> Any:
    return botocore.session.Session().get_component("data_loader").load_data("partitions")["partitions"]


# Services by their names in signatures, which are ours, where botocore has other ones.
NAMES = {"elasticloadbalancing": "elbv2"}
MORE = (
    "kms",
    "athena",
    "glue",
    "application-autoscaling",
    "sts",
    "elasticloadbalancing",
    "iam",
    "route53",
    "cloudformation",
    "autoscaling",
)


def rules(service: str) -> Any:
    client = botocore.session.Session().create_client(
        NAMES.get(service, service), region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    return client._ruleset_resolver._provider


@needs_current
@pytest.mark.parametrize("service", ["ssm", "s3", "dynamodb", "ec2", *MORE])
def test_issue_16_our_endpoints_are_those_of_current_botocore_in_every_region(service: str) -> None:
    provider = rules(service)
    compared = 0
    for partition in partitions():
        for region in partition["regions"]:
            if "global" in region:
                continue
            for fips in (False, True):
                for dual_stack in (False, True):
                    if service == "s3" and fips and region.startswith("cn-"):
                        continue  # "Partition does not support FIPS"
                    asked = {"Region": region, "UseFIPS": fips, "UseDualStack": dual_stack}
                    if service == "sts":
                        asked["UseGlobalEndpoint"] = False
                    expected = provider.resolve_endpoint(**asked)
                    assert endpoints.url(service, region, fips=fips, dual_stack=dual_stack) == expected.url
                    schemes = [{}] if service == "s3" else expected.properties.get("authSchemes", [{}])
                    assert endpoints.signing_region(service, region) == schemes[0].get("signingRegion", region)
                    compared += 1
    assert compared > 150


@needs_current
def test_partitions_are_those_of_current_botocore() -> None:
    checked = 0
    for one in partitions():
        for region in one["regions"]:
            if "global" not in region:
                ours = endpoints.partition_of(region)
                outputs = one["outputs"]
                assert (ours.name, ours.domain, ours.dual_stack) == (
                    one["id"],
                    outputs["dnsSuffix"],
                    outputs["dualStackDnsSuffix"],
                )
                checked += 1
    assert checked > 30


FIPS = {"AWS_USE_FIPS_ENDPOINT": "true"}
DUAL = {"AWS_USE_DUALSTACK_ENDPOINT": "true"}


@pytest.mark.parametrize("old_library", [False, True])
@pytest.mark.parametrize(
    ("service", "region", "environ", "fips", "expected"),
    [
        ("ssm", "us-east-1", {}, False, "ssm.us-east-1.amazonaws.com"),
        ("ssm", "us-east-1", {}, True, "ssm-fips.us-east-1.amazonaws.com"),
        ("ssm", "us-east-1", FIPS, False, "ssm-fips.us-east-1.amazonaws.com"),
        ("ssm", "us-east-1", DUAL, False, "ssm.us-east-1.api.aws"),
        ("ssm", "us-east-1", DUAL, True, "ssm-fips.us-east-1.api.aws"),
        ("ssm", "us-gov-west-1", {}, True, "ssm.us-gov-west-1.amazonaws.com"),
        ("ssm", "cn-north-1", {}, False, "ssm.cn-north-1.amazonaws.com.cn"),
        ("ssm", "eusc-de-east-1", {}, False, "ssm.eusc-de-east-1.amazonaws.eu"),
        ("dynamodb", "us-east-2", {}, True, "dynamodb-fips.us-east-2.amazonaws.com"),
        ("ec2", "ca-central-1", FIPS, False, "ec2-fips.ca-central-1.amazonaws.com"),
        ("s3", "us-east-1", {}, True, "bucket.s3-fips.us-east-1.amazonaws.com"),
        ("s3", "us-east-1", DUAL, False, "bucket.s3.dualstack.us-east-1.amazonaws.com"),
        ("s3", "eu-west-1", {}, False, "bucket.s3.eu-west-1.amazonaws.com"),
    ],
)
def test_calls_the_requested_endpoint(
    service: str,
    region: str,
    environ: dict[str, str],
    fips: bool,
    expected: str,
    old_library: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if old_library:  # which we still use for S3
        monkeypatch.setattr(botocore_client, "knows_endpoint_variants", lambda: False)
    request = called(service, region, environ, fips=fips)
    # With a configured endpoint, the bucket is in the path.
    assert host(request) == (expected if botocore_client.knows_endpoint_variants() else expected.replace("bucket.", ""))
    authorization = request.headers["Authorization"]
    authorization = authorization.decode() if isinstance(authorization, bytes) else authorization
    assert f"/{region}/{service}/aws4_request" in authorization


@pytest.mark.parametrize(
    ("region", "expected"),
    [("us-east-1", True), ("us-gov-west-1", True), ("ca-west-1", True), ("eu-west-1", False), ("cn-north-1", False)],
)
def test_fips_endpoints_are_in_the_united_states_and_canada(region: str, expected: bool) -> None:
    assert endpoints.has_fips(region) is expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "127.0.0.1:1"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:2/"}, "127.0.0.1:2"),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:3"}, "ssm.us-east-1.amazonaws.com"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "ssm.us-east-1.amazonaws.com",
        ),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", **FIPS, **DUAL}, "127.0.0.1:1"),
        ({"AWS_ENDPOINT_URL": ""}, "ssm.us-east-1.amazonaws.com"),
    ],
)
def test_the_environments_endpoint_wins(environ: dict[str, str], expected: str) -> None:
    assert host(called("ssm", "us-east-1", environ)) == expected


def test_ignores_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_PROFILE": "not-there",
        "AWS_ACCESS_KEY_ID": "forgotten",
        "AWS_SECRET_ACCESS_KEY": "forgotten",
        "AWS_DEFAULT_REGION": "eu-west-3",
    }.items():
        monkeypatch.setenv(name, value)
    request = called("ssm", "us-east-1", {})
    assert host(request) == "ssm.us-east-1.amazonaws.com"
    assert "forgotten" not in str(request.headers["Authorization"])


def test_ignores_configuration_files_of_the_host(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / ".aws" / "config"
    config.parent.mkdir()
    config.write_text("this [is not a configuration file\n")  # botocore fails where it reads it
    (tmp_path / ".aws" / "credentials").write_text("[default]\naws_access_key_id = filed\naws_secret_access_key = x\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    request = called("ssm", "us-east-1", {})
    assert host(request) == "ssm.us-east-1.amazonaws.com"
    assert "filed" not in str(request.headers["Authorization"])


def test_a_configured_s3_endpoint_gets_the_bucket_in_the_path() -> None:
    request = called("s3", "us-east-1", {"AWS_ENDPOINT_URL": "http://localhost:9000"})
    assert str(request.url).startswith("http://localhost:9000/bucket")


@needs_current
@pytest.mark.parametrize("service", ["ssm", "s3", "dynamodb", "ec2", *MORE])
def test_issue_18_a_service_has_the_variable_of_aws_for_its_endpoint(service: str) -> None:
    """SDKs guide: the id of the service, in capitals, with _ for each space."""
    model = botocore.session.Session().get_service_model(NAMES.get(service, service))
    name = f"AWS_ENDPOINT_URL_{str(model.service_id).upper().replace(' ', '_')}"
    assert endpoints.configured(service, {name: "http://127.0.0.1:5"}) == "http://127.0.0.1:5"


@pytest.mark.parametrize(
    ("service", "region", "expected", "scope"),
    [
        ("iam", "eu-west-1", "iam.amazonaws.com", "us-east-1/iam"),
        ("route53", "eu-west-1", "route53.amazonaws.com", "us-east-1/route53"),
        ("route53", "cn-north-1", "route53.amazonaws.com.cn", "cn-northwest-1/route53"),
        ("sts", "eu-west-1", "sts.eu-west-1.amazonaws.com", "eu-west-1/sts"),
        ("elasticloadbalancing", "eu-west-1", "elasticloadbalancing.eu-west-1.amazonaws.com", "eu-west-1/elastic"),
    ],
)
def test_issue_18_a_global_service_is_signed_for_its_own_region(
    service: str, region: str, expected: str, scope: str
) -> None:
    request = called(service, region, {})
    assert host(request) == expected
    assert f"/{scope}" in request.headers["Authorization"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL", "127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_SSM", "ftp://host"),
        ("AWS_ENDPOINT_URL_SSM", "http://[::1"),
        ("AWS_ENDPOINT_URL", "http://user:hunter2@host"),
        ("AWS_ENDPOINT_URL", "https://host/?a=b"),
        ("AWS_USE_FIPS_ENDPOINT", "yes"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "1"),
        ("AWS_CA_BUNDLE", "/nowhere/ca.pem"),
    ],
)
def test_an_invalid_value_is_an_error_that_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(errors.UsageError, match=name) as caught:
        connection.plan("ssm", region="us-east-1", environ={name: value})
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_debug_logging_shows_neither_the_token_nor_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="botocore")
    called("ssm", "us-east-1", {})
    assert not [record for record in caplog.records if record.levelname == "DEBUG" and "botocore" in record.name]
