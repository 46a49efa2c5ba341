"""Descriptions of which something is missing, empty, twice, or of another kind: none leads to an unforeseen error."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, Callable
from xml.etree import ElementTree

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.aws import (
    answers,
    athena,
    description_shapes,
    dns_zones,
    failures,
    glue,
    identity,
    instances,
    kms,
    load_balancers,
    parameter_descriptions,
    policy_simulation,
    table_description,
    xml_answers,
)
from teleport_bootstrap.aws.service import Service
from tests.simulated import hostile_server as hostile

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/1"
KEYS = [{"AttributeName": "HashKey", "KeyType": "HASH"}]


class Replay:
    """A client that gives one answer, read as SignedClient reads it."""

    region = "us-east-1"
    endpoint = "https://example.invalid"
    attempt_seconds = 0.1

    def __init__(self, content: str) -> None:
        self.content = content.encode()

    def send(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        shape = description_shapes.OF[operation]
        if self.content.startswith(b"<"):
            return xml_answers.read(self.content, operation, shape)
        found = json.loads(self.content)
        if not isinstance(found, dict):
            raise failures.NotAnAnswer
        answers.conform(found, shape)
        return found


def result(operation: str, content: str) -> str:
    return f"<{operation}Response><{operation}Result>{content}</{operation}Result></{operation}Response>"


def elements(**values: Any) -> str:
    return "".join(f"<{name}>{value}</{name}>" for name, value in values.items())


HEALTH = elements(
    Target=elements(Id="i-1", Port=3080, AvailabilityZone="a"),
    HealthCheckPort=3080,
    TargetHealth=elements(State="unhealthy", Reason="Target.FailedHealthChecks", Description="d"),
)
GROUP = elements(
    TargetGroupArn=ARN,
    TargetGroupName="a",
    Protocol="HTTPS",
    Port=3080,
    TargetType="instance",
    HealthCheckEnabled="true",
    HealthCheckPort="traffic-port",
    HealthCheckIntervalSeconds=30,
    Matcher=elements(HttpCode="200"),
    LoadBalancerArns=elements(member=ARN),
)
BALANCER = elements(
    LoadBalancerArn=ARN,
    LoadBalancerName="a",
    Type="network",
    State=elements(Code="active"),
    SecurityGroups=elements(member="sg-1"),
    AvailabilityZones=elements(member=elements(ZoneName="a")),
)
ACTION = elements(
    Type="forward",
    TargetGroupArn=ARN,
    ForwardConfig=elements(TargetGroups=elements(member=elements(TargetGroupArn=ARN, Weight=1))),
    RedirectConfig=elements(Protocol="HTTPS", StatusCode="HTTP_301"),
)
LISTENER = elements(
    ListenerArn=ARN,
    Port=443,
    Protocol="TLS",
    Certificates=elements(member=elements(CertificateArn=ARN)),
    DefaultActions=elements(member=ACTION),
)
INSTANCE = elements(
    instanceId="i-1",
    instanceState=elements(code=16, name="running"),
    launchTime="2026-01-01T00:00:00.000Z",
    groupSet=elements(item=elements(groupId="sg-1")),
    networkInterfaceSet=elements(item=elements(ipv6AddressesSet=elements(item=elements(ipv6Address="::1")))),
    metadataOptions=elements(httpPutResponseHopLimit=1, httpTokens="required"),
    tagSet=elements(item=elements(key="a", value="b")),
)
PERMISSION = elements(
    ipProtocol="tcp",
    fromPort=1,
    toPort=2,
    ipRanges=elements(item=elements(cidrIp="0.0.0.0/0")),
    groups=elements(item=elements(groupId="sg-2")),
)
EVALUATION = elements(
    EvalActionName="a:B",
    EvalResourceName="*",
    EvalDecision="allowed",
    MatchedStatements=elements(member=elements(SourcePolicyId="p")),
    MissingContextValues=elements(member="k"),
    ResourceSpecificResults=elements(member=elements(EvalResourceName="r", EvalResourceDecision="allowed")),
)
ROLE = elements(Arn="arn:aws:iam::123456789012:role/a", RoleName="a")
RECORD = elements(
    Name="a.b.",
    Type="A",
    TTL=60,
    ResourceRecords=elements(ResourceRecord=elements(Value="192.0.2.1")),
    AliasTarget=elements(HostedZoneId="Z2", DNSName="c.d."),
)
TABLE = {
    "TableName": "a",
    "TableArn": "arn",
    "TableStatus": "ACTIVE",
    "KeySchema": KEYS,
    "AttributeDefinitions": [{"AttributeName": "HashKey", "AttributeType": "S"}],
    "GlobalSecondaryIndexes": [{"IndexName": "i", "KeySchema": KEYS, "Projection": {"ProjectionType": "ALL"}}],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
}
PARAMETER = {"Name": "/a", "Type": "String", "Version": 1, "LastModifiedDate": 1.5e9, "Policies": [{"PolicyType": "E"}]}
CATALOG = {"Name": "a", "StorageDescriptor": {"Columns": [{"Name": "b", "Type": "c"}]}, "Parameters": {"d": "e"}}

# A call of each function, and an answer of the form that the service documents.
CALLS: dict[str, tuple[type[Service], Callable[[Any], Any], str]] = {
    "key": (
        kms.KeyManagement,
        lambda of: of.describe("a"),
        json.dumps({"KeyMetadata": {"Arn": "a", "KeyId": "b", "KeyState": "Enabled", "DeletionDate": 1.5e9}}),
    ),
    "caller": (
        identity.TokenService,
        lambda of: of.caller(),
        result(
            "GetCallerIdentity",
            elements(Account="123456789012", Arn="arn:aws:sts::123456789012:assumed-role/a/b", UserId="c"),
        ),
    ),
    "target groups": (
        load_balancers.LoadBalancers,
        lambda of: of.target_groups(),
        result("DescribeTargetGroups", elements(TargetGroups=elements(member=GROUP))),
    ),
    "target health": (
        load_balancers.LoadBalancers,
        lambda of: of.target_health("a"),
        result("DescribeTargetHealth", elements(TargetHealthDescriptions=elements(member=HEALTH))),
    ),
    "attributes": (
        load_balancers.LoadBalancers,
        lambda of: of.load_balancer_attributes("a"),
        result("DescribeLoadBalancerAttributes", elements(Attributes=elements(member=elements(Key="a", Value="b")))),
    ),
    "balancers": (
        load_balancers.LoadBalancers,
        lambda of: of.load_balancers(),
        result("DescribeLoadBalancers", elements(LoadBalancers=elements(member=BALANCER))),
    ),
    "listeners": (
        load_balancers.LoadBalancers,
        lambda of: of.listeners("a"),
        result("DescribeListeners", elements(Listeners=elements(member=LISTENER))),
    ),
    "instance": (
        instances.Instances,
        lambda of: of.describe("i-1"),
        elements(
            DescribeInstancesResponse=elements(
                reservationSet=elements(item=elements(instancesSet=elements(item=INSTANCE)))
            )
        ),
    ),
    "security groups": (
        instances.Instances,
        lambda of: of.security_groups(["sg-1"]),
        elements(
            DescribeSecurityGroupsResponse=elements(
                securityGroupInfo=elements(
                    item=elements(groupId="sg-1", ipPermissions=elements(item=PERMISSION), ipPermissionsEgress="")
                )
            )
        ),
    ),
    "simulation": (
        policy_simulation.Policies,
        lambda of: of.simulate("arn", ["a:B"]),
        result("SimulatePrincipalPolicy", elements(EvaluationResults=elements(member=EVALUATION))),
    ),
    "role": (policy_simulation.Policies, lambda of: of.role("a"), result("GetRole", elements(Role=ROLE))),
    "zones": (
        dns_zones.DnsZones,
        lambda of: of.zones("a.b"),
        elements(
            ListHostedZonesByNameResponse=elements(
                HostedZones=elements(
                    HostedZone=elements(Id="/hostedzone/Z1", Name="a.b.", Config=elements(PrivateZone="false"))
                ),
                IsTruncated="true",
                NextDNSName="c.d.",
                NextHostedZoneId="Z2",
            )
        ),
    ),
    "records": (
        dns_zones.DnsZones,
        lambda of: of.records("Z1", "a.b"),
        elements(
            ListResourceRecordSetsResponse=elements(
                ResourceRecordSets=elements(ResourceRecordSet=RECORD),
                IsTruncated="true",
                NextRecordName="c.d.",
                NextRecordType="A",
            )
        ),
    ),
    "table": (table_description.TableDescriptions, lambda of: of.describe("a"), json.dumps({"Table": TABLE})),
    "time to live": (
        table_description.TableDescriptions,
        lambda of: of.time_to_live("a"),
        json.dumps({"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "Expires"}}),
    ),
    "recovery": (
        table_description.TableDescriptions,
        lambda of: of.recovery("a"),
        json.dumps(
            {
                "ContinuousBackupsDescription": {
                    "PointInTimeRecoveryDescription": {
                        "PointInTimeRecoveryStatus": "ENABLED",
                        "EarliestRestorableDateTime": 1.5e9,
                    }
                }
            }
        ),
    ),
    "parameters": (
        parameter_descriptions.ParameterDescriptions,
        lambda of: of.describe(["/a"]),
        json.dumps({"Parameters": [PARAMETER]}),
    ),
    "workgroup": (
        athena.Athena,
        lambda of: of.workgroup("a"),
        json.dumps(
            {"WorkGroup": {"Name": "a", "Configuration": {"ResultConfiguration": {"OutputLocation": "s3://b"}}}}
        ),
    ),
    "catalogue": (glue.Glue, lambda of: of.table("a", "b"), json.dumps({"Table": CATALOG})),
}


def of_xml(content: str) -> Iterator[str]:
    """Yield documents in which one element is missing, twice, empty, of another kind, or has another name."""
    root = ElementTree.fromstring(content)
    for number, _ in enumerate(root.iter()):
        for change in ("remove", "double", "empty", "text", "number", "inner", "rename"):
            changed = copy.deepcopy(root)
            target = list(changed.iter())[number]
            above = next((each for each in changed.iter() if target in list(each)), None)
            if change in ("remove", "double"):
                if above is not None:
                    above.remove(target) if change == "remove" else above.append(copy.deepcopy(target))
            elif change == "rename":
                target.tag = "other"
            else:
                target.clear()
                target.text = {"text": "x", "number": "7"}.get(change)
                if change == "inner":
                    ElementTree.SubElement(target, "inner").text = "1"
            yield ElementTree.tostring(changed, encoding="unicode")


@pytest.mark.parametrize("name", CALLS)
def test_issue_18_no_value_of_a_description_is_trusted(name: str) -> None:
    kind, call, good = CALLS[name]
    assert call(kind(Replay(good), wait_seconds=0.01))
    contents = (
        list(of_xml(good))
        if good.startswith("<")
        else [json.dumps(each) for _, each in hostile.mutants(json.loads(good))]
    )
    assert len(contents) > 10
    unforeseen = {}
    for content in contents:
        try:
            call(kind(Replay(content), wait_seconds=0.01))
        except errors.BootstrapError:
            continue
        except Exception as error:
            unforeseen[content] = repr(error)
    assert unforeseen == {}
