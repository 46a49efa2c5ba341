"""Policies as values: names, partitions, keys, versions, and the three ways to write them."""

from __future__ import annotations

import json
from typing import Any

import hcl2
import parliament
import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.backup.stores.destination import Destination
from teleport_bootstrap.permissions import policy, scope, written
from teleport_bootstrap.permissions.need import PARTS, WORKING_PARTS
from teleport_bootstrap.permissions.scope import Scope
from teleport_bootstrap.plan import activation, requirements, teleport_build

KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
ALL_IN_ONE = "TELEPORT_DOMAIN_NAME=teleport.example.com\n"
NODE = "TELEPORT_ROLE=node\nTELEPORT_DOMAIN_NAME=teleport.example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
AUTH = (
    "TELEPORT_ROLE=auth\nTELEPORT_DOMAIN_NAME=Teleport.example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "TELEPORT_DYNAMO_TABLE_NAME=state\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events\nTELEPORT_S3_BUCKET=recordings\n"
    "TELEPORT_LOCKS_TABLE_NAME=locks\nTELEPORT_LICENSE_PATH=yes\nUSE_LETSENCRYPT=true\n"
    "TELEPORT_DOMAIN_ADMIN_EMAIL=ops@example.com\n"
)
PROXY = (
    "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=teleport.example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "USE_LETSENCRYPT=true\nTELEPORT_S3_BUCKET=recordings\n"
)
ATHENA = (
    AUTH + "TELEPORT_ATHENA_EVENTS_URI='athena://audit.events?topicArn=arn:aws:sns:eu-west-1:123456789012:audit"
    "&queueURL=https://sqs.eu-west-1.amazonaws.com/123456789012/audit&locationS3=s3://long/events"
    "&largeEventsS3=s3://transient/large&queryResultsS3=s3://transient/results&workgroup=teleport'\n"
)
AROUND = policy.Surroundings(KEY, KEY, "Z0123456789", Destination(bucket="backups", prefix="teleport/"))
SCOPE = Scope("eu-west-1", "123456789012")
CONFS = {"all-in-one": ALL_IN_ONE, "node": NODE, "auth": AUTH, "proxy": PROXY, "athena": ATHENA}


def statements(
    conf: str,
    scope: Scope = SCOPE,
    around: policy.Surroundings = AROUND,
    *,
    version: str = "18.1.0",
    parts: tuple[str, ...] = PARTS,
) -> tuple[policy.Statement, ...]:
    build = teleport_build.of_version(version, fips=False)
    read = requirements.load(conf.encode(), "conf")
    subject = policy.Subject(read, activation.plan(read, build), build, around)
    return policy.statements(policy.needs(subject, scope, parts))


def actions(conf: str, **options: Any) -> set[str]:
    return {action for each in statements(conf, **options) for action in each.actions}


def test_a_node_reads_its_own_parameters_and_no_others() -> None:
    (reads, decrypts) = statements(NODE, parts=("ours",))
    names = ["tokens/node", "ca-pin-hash"]
    start = "arn:aws:ssm:eu-west-1:123456789012:parameter/teleport/teleport.example.com"
    assert reads.document() == {
        "Sid": "Ours1",
        "Effect": "Allow",
        "Action": "ssm:GetParameters",
        "Resource": [f"{start}/{name}" for name in names],
    }
    assert decrypts.actions == ("kms:Decrypt",)
    context = next(each for each in decrypts.conditions if each.key.startswith("kms:EncryptionContext"))
    assert context.values == (f"{start}/tokens/node",), "a CA pin is not encrypted"


STACK = "cloudformation:us-gov-west-1:210987654321:stack/tele-port/0f4ae510-c386-11e7-b43f-503f23fb5536"


@pytest.mark.parametrize(
    ("region", "signal", "resource"),
    [
        ("cn-north-1", "cloudformation:tele-port/Group", "arn:aws-cn:{}cn-north-1:123456789012:stack/tele-port/*"),
        ("cn-north-1", "cloudformation", "arn:aws-cn:{}cn-north-1:123456789012:stack/*/*"),
        ("us-gov-west-1", f"cloudformation:arn:aws-us-gov:{STACK}/Group", f"arn:aws-us-gov:{STACK}"),
    ],
)
def test_a_signal_is_allowed_on_the_stack_that_the_conf_names(region: str, signal: str, resource: str) -> None:
    conf = f"{NODE}EC2_REGION={region}\nTELEPORT_SIGNAL={signal}\n"
    found = statements(conf, Scope(region, "123456789012"), policy.Surroundings(), parts=("ours",))
    signals = [each.resources for each in found if each.actions == ("cloudformation:SignalResource",)]
    assert signals == [(resource.format("cloudformation:"),)]


def test_awss_own_keys_need_no_permission() -> None:
    assert not {each for each in actions(AUTH, around=policy.Surroundings()) if each.startswith("kms:")}


@pytest.mark.parametrize(
    ("named", "resource", "alias"),
    [
        (KEY, KEY, None),
        ("11111111-2222", "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222", None),
        ("alias/teleport", "arn:aws:kms:eu-west-1:123456789012:key/*", "alias/teleport"),
        (
            "arn:aws:kms:us-east-1:210987654321:alias/other",
            "arn:aws:kms:us-east-1:210987654321:key/*",
            "alias/other",
        ),
    ],
)
def test_a_key_is_an_id_an_arn_or_an_alias(named: str, resource: str, alias: str | None) -> None:
    arn, conditions = SCOPE.key(named)
    assert arn == resource
    assert [each.values for each in conditions] == ([] if alias is None else [(alias,)])


@pytest.mark.parametrize("named", ["", "alias/", "a key", "arn:aws:s3:::b", "*"])
def test_refuses_an_invalid_key(named: str) -> None:
    with pytest.raises(errors.UsageError):
        SCOPE.key(named)


@pytest.mark.parametrize("number", ["12345678901", "1234567890123", "12345678901x", "*"])
def test_refuses_an_invalid_account(number: str) -> None:
    with pytest.raises(errors.UsageError):
        Scope("eu-west-1", number)


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eusc-de-east-1", "aws-eusc")],
)
@pytest.mark.parametrize("conf", [AUTH, NODE, PROXY])
def test_names_are_of_the_partition(conf: str, region: str, partition: str) -> None:
    around = policy.Surroundings("alias/a", "alias/b", "Z1", Destination(bucket="backups", prefix=""))
    for each in statements(conf, Scope(region, "123456789012"), around):
        assert all(arn == "*" or arn.startswith(f"arn:{partition}:") for arn in each.resources), each


@pytest.mark.parametrize(
    ("region", "domains"),
    [
        ("eu-west-1", ["amazonaws.com"]),
        ("cn-north-1", ["amazonaws.com", "amazonaws.com.cn"]),
        (None, ["amazonaws.com", "amazonaws.com.cn"]),
    ],
)
def test_a_key_is_used_through_every_name_of_a_service(region: str | None, domains: list[str]) -> None:
    found = Scope(region, None).via("ssm").values
    where = scope.UNKNOWN_REGION if region is None else region
    assert found == tuple(f"ssm.{where}.{each}" for each in domains)


def test_only_actions_without_resources_are_on_everything() -> None:
    conf = f"{AUTH}TELEPORT_JOIN_METHOD=ec2\nTELEPORT_JOIN_TOKEN_NAME=hosts\nTELEPORT_TAG_LABELS=team\n"
    free = {action for each in statements(conf) if "*" in each.resources for action in each.actions}
    describing = {f"ec2:Describe{each}" for each in ("Tags", "Instances", "SecurityGroups")}
    others = {"ssm:DescribeParameters", "application-autoscaling:DescribeScalableTargets"}
    known = {"route53:ListHostedZones", "route53:ListHostedZonesByName", *describing, *others}
    # Of doctor; each of these is for everything by the service authorization reference.
    assert {each for each in free if not each.startswith("elasticloadbalancing:Describe")} <= known
    assert not [each for each in actions(conf) if "*" in each]


def test_what_teleport_needs_follows_its_version() -> None:
    older, newer = actions(AUTH, version="15.4.0"), actions(AUTH, version="17.0.0")
    assert newer - older == {"dynamodb:ConditionCheckItem", "s3:GetObjectRetention"}
    assert older - newer == set()


def test_an_audit_log_in_athena_alone_needs_no_table_of_events() -> None:
    found = statements(ATHENA.replace("TELEPORT_DYNAMO_EVENTS_TABLE_NAME=events\n", ""), parts=("teleport",))
    named = {arn for each in found for arn in each.resources}
    assert not [arn for arn in named if "table/events" in arn and "dynamodb" in arn]
    assert "arn:aws:sqs:eu-west-1:123456789012:audit" in named
    assert {"arn:aws:s3:::long/events/*", "arn:aws:s3:::transient/large/*"} <= named
    assert "arn:aws:athena:eu-west-1:123456789012:workgroup/teleport" in named
    assert "arn:aws:glue:eu-west-1:123456789012:table/audit/events" in named


def test_only_auth_servers_change_dns_and_write_to_the_bucket() -> None:
    assert {each for each in actions(PROXY) if each.startswith("route53:")} == {
        *("route53:ListHostedZonesByName", "route53:ListResourceRecordSets"),
    }
    assert "s3:PutObject" not in actions(PROXY, parts=("certificates",))
    assert "s3:PutObject" in actions(AUTH, parts=("certificates",))


def test_what_two_parts_need_is_printed_once() -> None:
    working = statements(AUTH, parts=WORKING_PARTS)
    locks = [each for each in working if each.resources[0].endswith("table/locks")]
    assert [each.name for each in locks] == ["Ours5"]
    assert any(each.name.startswith("Certificates") for each in statements(AUTH, parts=("certificates",)))


@pytest.mark.parametrize("conf", CONFS.values(), ids=CONFS)
def test_terraform_says_the_same(conf: str) -> None:
    found = statements(conf)
    read = hcl2.loads(written.text(written.TERRAFORM, found, "teleport-x"))  # type: ignore[attr-defined]
    (document,) = (each for data in read["data"] for each in data.values())
    (body,) = document.values()
    made = []
    for statement in body.get("statement", []):
        conditions: dict[str, dict[str, Any]] = {}
        for each in statement.get("condition", []):
            conditions.setdefault(_plain(each["test"]), {})[_plain(each["variable"])] = _plain(each["values"])
        made.append(
            {
                "Sid": _plain(statement["sid"]),
                "Action": _plain(statement["actions"]),
                "Resource": _plain(statement["resources"]),
                "Condition": conditions,
            }
        )
    assert made == [_listed(each.document()) for each in found]


def _plain(value: Any) -> Any:
    """Return what the parser found, of which some releases keep the quotes."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.strip('"')


def _listed(document: dict[str, Any]) -> dict[str, Any]:
    def every(value: Any) -> list[Any]:
        return value if isinstance(value, list) else [value]

    conditions = document.get("Condition", {})
    return {
        "Sid": document["Sid"],
        "Action": every(document["Action"]),
        "Resource": every(document["Resource"]),
        "Condition": {test: {key: every(each) for key, each in keys.items()} for test, keys in conditions.items()},
    }


def test_terraform_and_cloudformation_fill_in_what_is_not_known() -> None:
    found = statements(NODE, Scope(None, None))
    terraform = written.text(written.TERRAFORM, found, "teleport-node")
    assert 'data "aws_caller_identity" "current" {}' in terraform
    name = "parameter/teleport/teleport.example.com/tokens/node"
    where = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"
    assert f'"arn:${{data.aws_partition.current.partition}}:ssm:{where}:{name}"' in terraform
    template = json.loads(written.text(written.CLOUDFORMATION, found, "teleport-node"))
    (resource,) = template["Resources"].values()
    first = resource["Properties"]["PolicyDocument"]["Statement"][0]["Resource"][0]
    assert first == {"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:{name}"}
    assert "\\u0000" not in terraform + json.dumps(template)


def test_text_that_looks_like_an_expression_stays_text() -> None:
    odd = policy.Statement("Odd1", ("s3:GetObject",), ("arn:aws:s3:::b/${x}%{y}",), ())
    assert '"arn:aws:s3:::b/$${x}%%{y}"' in written.text(written.TERRAFORM, [odd], "odd")
    unknown = policy.Statement("Odd1", ("s3:GetObject",), (f"{Scope(None, None).partition}${{x}}",), ())
    template = json.loads(written.text(written.CLOUDFORMATION, [unknown], "odd"))
    statement = template["Resources"]["OddPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert statement["Resource"] == {"Fn::Sub": "${AWS::Partition}${!x}"}


@pytest.mark.parametrize("conf", CONFS.values(), ids=CONFS)
def test_a_linter_of_policies_finds_nothing(conf: str) -> None:
    found = parliament.analyze_policy_string(json.dumps(policy.document(statements(conf))))
    assert [str(each) for each in found.findings] == []
