"""What the services say about the surroundings of an instance, over real HTTP, in the simulated AWS."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.credentials import Credentials

from teleport_bootstrap import errors
from teleport_bootstrap.aws import load_balancers, paging
from teleport_bootstrap.aws.account import Aws
from tests.simulated_ec2 import Aws as SimulatedAws
from tests.simulated_ec2.aws import ACCOUNT, CUT_SHORT, REGION, Answer


@pytest.fixture
def here(aws: SimulatedAws) -> Aws:
    return Aws(REGION, Credentials("AKIDEXAMPLE", "secret", "token"), {"AWS_ENDPOINT_URL": aws.url}, wait_seconds=4.0)


@pytest.fixture
def subnets(aws: SimulatedAws) -> list[str]:
    """The subnets of the account's default VPC."""
    return [each["SubnetId"] for each in aws.client("ec2").describe_subnets()["Subnets"]][:2]


def test_issue_18_describes_a_key_by_its_id_its_arn_and_its_alias(aws: SimulatedAws, here: Aws) -> None:
    made = aws.client("kms").create_key(Description="for teleport")["KeyMetadata"]
    aws.client("kms").create_alias(AliasName="alias/teleport", TargetKeyId=made["KeyId"])
    for name in (made["KeyId"], made["Arn"], "alias/teleport"):
        found = here.kms.describe(name)
        assert found is not None
        assert (found.arn, found.key_id, found.state) == (made["Arn"], made["KeyId"], "Enabled")
        assert found.is_usable and found.manager == "CUSTOMER" and found.deletion is None
    aws.client("kms").disable_key(KeyId=made["KeyId"])
    found = here.kms.describe("alias/teleport")
    assert found is not None and found.state == "Disabled" and not found.is_usable
    aws.client("kms").schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)
    found = here.kms.describe("alias/teleport")
    assert found is not None and found.state == "PendingDeletion" and found.deletion is not None
    assert here.kms.describe("alias/other") is None


def test_issue_18_a_key_that_signs_does_not_encrypt(aws: SimulatedAws, here: Aws) -> None:
    made = aws.client("kms").create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]
    found = here.kms.describe(made["KeyId"])
    assert found is not None and found.usage == "SIGN_VERIFY" and not found.is_usable


def test_issue_18_says_who_the_caller_is(aws: SimulatedAws) -> None:
    given = aws.role_credentials(["ssm:GetParameters"])
    keys = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["Token"])
    found = Aws(REGION, keys, {"AWS_ENDPOINT_URL": aws.url}, wait_seconds=4.0).sts.caller()
    assert found.account == ACCOUNT and found.partition == "aws"
    assert (found.role, found.session) == ("teleport-role", "i-0123456789abcdef0")
    assert found.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/teleport-role/i-0123456789abcdef0"


@pytest.fixture
def balancer(aws: SimulatedAws, subnets: list[str]) -> dict[str, Any]:
    """An application balancer with a listener, which forwards to a group with one target."""
    client, instance = aws.client("elbv2"), "i-0123456789abcdef0"
    vpc = aws.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"][0]["VpcId"]
    image = aws.client("ec2").describe_images()["Images"][0]["ImageId"]
    instance = aws.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    made = client.create_load_balancer(
        Name="teleport-proxy", Subnets=subnets, Type="application", Scheme="internet-facing"
    )["LoadBalancers"][0]
    group = client.create_target_group(
        Name="teleport-proxy-3080",
        Protocol="HTTPS",
        Port=3080,
        VpcId=vpc,
        HealthCheckPath="/webapi/ping",
        HealthCheckPort="3080",
        HealthCheckProtocol="HTTPS",
        Matcher={"HttpCode": "200-399"},
    )["TargetGroups"][0]
    client.modify_target_group_attributes(
        TargetGroupArn=group["TargetGroupArn"], Attributes=[{"Key": "stickiness.enabled", "Value": "true"}]
    )
    client.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": instance, "Port": 3080}])
    client.modify_load_balancer_attributes(
        LoadBalancerArn=made["LoadBalancerArn"], Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "350"}]
    )
    forward = {"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    client.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=8080, DefaultActions=[forward]
    )
    client.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}],
    )
    return {"balancer": made, "group": group, "instance": instance, "vpc": vpc}


def test_issue_18_describes_target_groups_with_their_health_checks(here: Aws, balancer: dict[str, Any]) -> None:
    service, arn = here.load_balancers, balancer["group"]["TargetGroupArn"]
    (found,) = service.target_groups()
    assert (found.arn, found.name, found.protocol, found.port) == (arn, "teleport-proxy-3080", "HTTPS", 3080)
    assert found.kind == "instance" and found.vpc_id == balancer["vpc"]
    assert found.load_balancers == (balancer["balancer"]["LoadBalancerArn"],)
    check = found.health_check
    assert (check.protocol, check.port, check.path, check.matcher) == ("HTTPS", "3080", "/webapi/ping", "200-399")
    assert check.enabled and check.interval_seconds == 30
    for chosen in ({"arns": [arn]}, {"names": [found.name]}, {"load_balancer": found.load_balancers[0]}):
        assert service.target_groups(**chosen) == (found,)
    assert service.target_groups(names=["other"]) == ()
    assert service.target_group_attributes(arn)["stickiness.enabled"] == "true"


def test_issue_18_describes_registered_targets(aws: SimulatedAws, here: Aws, balancer: dict[str, Any]) -> None:
    (found,) = here.load_balancers.target_health(balancer["group"]["TargetGroupArn"])
    assert (found.target, found.port, found.state) == (balancer["instance"], 3080, "healthy")
    aws.client("ec2").stop_instances(InstanceIds=[balancer["instance"]])
    (found,) = here.load_balancers.target_health(balancer["group"]["TargetGroupArn"])
    assert (found.state, found.reason) == ("unused", "Target.InvalidState")
    assert here.load_balancers.target_health(balancer["group"]["TargetGroupArn"] + "0") == ()


def test_issue_18_describes_balancers_and_their_listeners(here: Aws, balancer: dict[str, Any]) -> None:
    service, made = here.load_balancers, balancer["balancer"]
    (found,) = service.load_balancers()
    assert (found.arn, found.name, found.kind) == (made["LoadBalancerArn"], "teleport-proxy", "application")
    assert found.dns_name == made["DNSName"] and found.scheme == "internet-facing"
    assert len(found.zones) == 2 and found.vpc_id == balancer["vpc"]
    assert service.load_balancers(names=["teleport-proxy"]) == service.load_balancers(arns=[found.arn]) == (found,)
    assert service.load_balancers(names=["other"]) == ()
    assert service.load_balancer_attributes(found.arn)["idle_timeout.timeout_seconds"] == "350"
    forward, redirect = sorted(service.listeners(found.arn), key=lambda each: -(each.port or 0))
    assert (forward.port, forward.protocol, forward.actions[0].kind) == (8080, "HTTP", "forward")
    assert forward.actions[0].target_groups == (balancer["group"]["TargetGroupArn"],)
    assert (redirect.port, redirect.actions[0].kind, redirect.actions[0].target_groups) == (80, "redirect", ())
    assert redirect.actions[0].redirect is not None
    assert (redirect.actions[0].redirect.protocol, redirect.actions[0].redirect.port) == ("HTTPS", "443")
    assert redirect.actions[0].redirect.status == "HTTP_301"


def test_issue_18_reads_all_pages_of_balancers(
    aws: SimulatedAws, here: Aws, subnets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_balancers, "_PAGE", 2)
    for number in range(5):
        aws.client("elbv2").create_load_balancer(Name=f"balancer-{number}", Subnets=subnets, Type="network")
    assert [each.name for each in here.load_balancers.load_balancers()] == [f"balancer-{each}" for each in range(5)]
    assert [each.operation for each in aws.requests] == ["DescribeLoadBalancers"] * 3


def test_issue_18_a_list_without_an_end_is_an_error(aws: SimulatedAws, here: Aws) -> None:
    name, page = "DescribeListeners", "<Listeners/><NextMarker>{}</NextMarker>"
    answer = f"<{name}Response><{name}Result>{page}</{name}Result></{name}Response>"
    aws.fail_always(Answer(text=answer.format("again"), status=200))
    with pytest.raises(errors.AwsFailed, match="has no end"):
        here.load_balancers.listeners("arn")
    assert len(aws.requests) == 2
    aws.fail(*(Answer(text=answer.format(number), status=200) for number in range(100)))
    with pytest.raises(errors.AwsFailed, match="has no end"):
        here.load_balancers.listeners("arn")
    assert len(aws.requests) == 2 + paging.MOST_PAGES


# ---------------------------------------------------------------- when it fails

QUERIES = {
    "sts": ("GetCallerIdentity", lambda aws: aws.sts.caller()),
    "elasticloadbalancing": ("DescribeTargetGroups", lambda aws: aws.load_balancers.target_groups()),
    "kms": ("DescribeKey", lambda aws: aws.kms.describe("alias/aws/ssm")),
}


@pytest.mark.parametrize("service", QUERIES)
def test_issue_18_a_throttled_request_is_sent_again(aws: SimulatedAws, here: Aws, service: str) -> None:
    operation, call = QUERIES[service]
    for fault in (Answer("Throttling", "Rate exceeded"), Answer("ServiceUnavailable", status=503), CUT_SHORT):
        aws.requests.clear()
        aws.fail(fault)
        call(here)
        assert [each.operation for each in aws.requests] == [operation] * 2


@pytest.mark.parametrize("service", QUERIES)
def test_issue_18_a_denial_names_the_permission(aws: SimulatedAws, here: Aws, service: str) -> None:
    operation, call = QUERIES[service]
    user = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/teleport-role/i-1"
    aws.fail(Answer("AccessDenied", f"{user} is not authorized to perform: {service}:{operation}", status=403))
    with pytest.raises(errors.AwsDenied) as caught:
        call(here)
    assert f"Allow {service}:{operation} on " in caught.value.hint
    assert "role teleport-role" in caught.value.hint
    assert len(aws.requests) == 1


@pytest.mark.parametrize("service", QUERIES)
@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Welcome</body></html>",
        "<{0}Response><{0}Result>",
        '<!DOCTYPE a [<!ENTITY b "c">]><{0}Response><{0}Result/></{0}Response>',
        "{{",
        "",
    ],
)
def test_issue_18_what_does_not_come_from_aws_is_not_an_answer(
    aws: SimulatedAws, here: Aws, service: str, text: str
) -> None:
    operation, call = QUERIES[service]
    aws.fail_always(Answer(text=text.format(operation), status=200))
    with pytest.raises(errors.AwsUnreachable, match="did not come from AWS"):
        call(Aws(REGION, here.credentials, here.environ, wait_seconds=0.5))
