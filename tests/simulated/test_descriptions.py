"""What the services say about the surroundings of an instance, over real HTTP, in the simulated AWS."""

from __future__ import annotations

import json
import time
from concurrent import futures
from typing import Any
from urllib import parse

import pytest
from botocore.credentials import Credentials

from teleport_bootstrap import errors
from teleport_bootstrap.aws import load_balancers, paging, policy_simulation, scaling, table_description
from teleport_bootstrap.aws.account import Aws
from tests.simulated import hostile_server as hostile
from tests.simulated_ec2 import Aws as SimulatedAws
from tests.simulated_ec2.aws import ACCOUNT, CUT_SHORT, REGION, RESETTING, Answer


@pytest.fixture
def here(aws: SimulatedAws) -> Aws:
    return Aws(REGION, Credentials("AKIDEXAMPLE", "secret", "token"), {"AWS_ENDPOINT_URL": aws.url}, wait_seconds=20.0)


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


def test_issue_18_describes_a_table_with_its_stream_and_its_indexes(aws: SimulatedAws, here: Aws) -> None:
    client = aws.client("dynamodb")
    client.create_table(
        TableName="events",
        KeySchema=[
            {"AttributeName": "SessionID", "KeyType": "HASH"},
            {"AttributeName": "EventIndex", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "SessionID", "AttributeType": "S"},
            {"AttributeName": "EventIndex", "AttributeType": "N"},
            {"AttributeName": "CreatedAtDate", "AttributeType": "S"},
            {"AttributeName": "CreatedAt", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "timesearchV2",
                "KeySchema": [
                    {"AttributeName": "CreatedAtDate", "KeyType": "HASH"},
                    {"AttributeName": "CreatedAt", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    found = here.table_descriptions.describe("events")
    assert found is not None
    assert (found.name, found.status, found.stream) == ("events", "ACTIVE", "NEW_IMAGE")
    assert found.billing_mode == "PAY_PER_REQUEST" and found.arn.endswith(":table/events")
    part = table_description.KeyPart
    assert found.keys == (part("SessionID", "HASH", "S"), part("EventIndex", "RANGE", "N"))
    (index,) = found.indexes
    assert (index.name, index.status, index.projection) == ("timesearchV2", "ACTIVE", "ALL")
    assert index.keys == (part("CreatedAtDate", "HASH", "S"), part("CreatedAt", "RANGE", "N"))
    assert here.table_descriptions.describe("other") is None


def test_issue_18_describes_when_items_expire_and_whether_a_table_can_be_restored(aws: SimulatedAws, here: Aws) -> None:
    client, service = aws.client("dynamodb"), here.table_descriptions
    client.create_table(
        TableName="state",
        KeySchema=[{"AttributeName": "HashKey", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "HashKey", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 10, "WriteCapacityUnits": 20},
    )
    found = service.describe("state")
    assert found is not None and (found.billing_mode, found.stream) == ("PROVISIONED", "")
    assert (found.read_units, found.write_units, found.indexes) == (10, 20, ())
    assert service.time_to_live("state") == table_description.TimeToLive("DISABLED", "")
    recovery = service.recovery("state")
    assert recovery is not None and not recovery.enabled
    client.update_time_to_live(TableName="state", TimeToLiveSpecification={"Enabled": True, "AttributeName": "Expires"})
    client.update_continuous_backups(
        TableName="state", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    assert service.time_to_live("state") == table_description.TimeToLive("ENABLED", "Expires")
    recovery = service.recovery("state")
    assert recovery is not None and recovery.enabled and recovery.earliest is not None
    assert service.recovery("other") is None
    aws.fail(Answer("ResourceNotFoundException", "Requested resource not found"))  # moto has another code for it
    assert service.time_to_live("other") is None


def test_issue_18_describes_parameters_by_name_and_by_arn(aws: SimulatedAws, here: Aws) -> None:
    client, arn = aws.client("ssm"), f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/t/license"
    client.put_parameter(Name="/t/license", Value="x", Type="SecureString", KeyId="alias/teleport", Tier="Advanced")
    client.put_parameter(Name="/t/pin", Value="y", Type="String")
    client.put_parameter(Name="/t/pin", Value="z", Type="String", Overwrite=True)
    found = here.parameter_descriptions.describe([arn, "/t/pin", "/t/other"])
    assert set(found) == {arn, "/t/pin"}
    assert (found[arn].name, found[arn].kind, found[arn].key) == ("/t/license", "SecureString", "alias/teleport")
    assert found[arn].tier == "Advanced"
    assert (found["/t/pin"].kind, found["/t/pin"].version, found["/t/pin"].key) == ("String", 2, "")
    assert found["/t/pin"].modified > 1.7e9
    assert here.parameter_descriptions.describe([]) == {}


def test_issue_18_describes_more_parameters_than_one_request_takes(aws: SimulatedAws, here: Aws) -> None:
    names = [f"/t/{number}" for number in range(60)]
    aws.put_parameters(dict.fromkeys(names, "x"))
    assert set(here.parameter_descriptions.describe(names)) == set(names)
    assert all(b"x-value" not in each.body for each in aws.requests) and len(aws.requests) >= 2


def test_issue_18_describes_a_workgroup(aws: SimulatedAws, here: Aws) -> None:
    results = {"OutputLocation": "s3://results/", "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"}}
    aws.client("athena").create_work_group(
        Name="teleport",
        Configuration={"ResultConfiguration": results, "EnforceWorkGroupConfiguration": True},
    )
    found = here.athena.workgroup("teleport")
    assert found is not None
    assert (found.name, found.enabled, found.output, found.enforced) == ("teleport", True, "s3://results/", True)
    assert found.encryption == "SSE_S3"


# As the Glue API reference describes it; moto's Glue needs a parser that is not installed for it.
CATALOG_TABLE = {
    "Table": {
        "Name": "events",
        "DatabaseName": "db",
        "CreateTime": 1.7e9,
        "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": {
            "Columns": [{"Name": "uid", "Type": "string"}, {"Name": "event_data", "Type": "string"}],
            "Location": "s3://events/",
            "Compressed": False,
        },
        "PartitionKeys": [{"Name": "event_date", "Type": "date"}],
        "Parameters": {"projection.enabled": "true"},
    }
}
IN_CATALOG = Answer(text=json.dumps(CATALOG_TABLE), status=200)


def test_issue_18_describes_a_table_of_the_catalogue(aws: SimulatedAws, here: Aws) -> None:
    aws.fail(IN_CATALOG)
    table = here.glue.table("db", "events")
    assert table is not None and (table.database, table.name, table.location) == ("db", "events", "s3://events/")
    assert table.columns == {"uid": "string", "event_data": "string"} and table.partitions == {"event_date": "date"}
    assert table.parameters["projection.enabled"] == "true"
    assert json.loads(aws.requests[0].body) == {"DatabaseName": "db", "Name": "events"}
    aws.fail(Answer("EntityNotFoundException", "Table other not found."))
    assert here.glue.table("db", "other") is None


def test_issue_18_a_workgroup_that_does_not_exist_is_none(aws: SimulatedAws, here: Aws) -> None:
    aws.fail(Answer("InvalidRequestException", "WorkGroup other is not found."))
    assert here.athena.workgroup("other") is None
    aws.fail(Answer("InvalidRequestException", "something else"))
    with pytest.raises(errors.AwsFailed, match="something else"):
        here.athena.workgroup("other")


def test_issue_18_describes_this_instance(aws: SimulatedAws, here: Aws, subnets: list[str]) -> None:
    client, iam = aws.client("ec2"), aws.client("iam")
    iam.create_instance_profile(InstanceProfileName="teleport")
    image = client.describe_images()["Images"][0]["ImageId"]
    made = client.run_instances(
        ImageId=image,
        MinCount=1,
        MaxCount=1,
        SubnetId=subnets[0],
        IamInstanceProfile={"Name": "teleport"},
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "InstanceMetadataTags": "enabled"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "a & b"}]}],
    )["Instances"][0]
    found = here.instances.describe(made["InstanceId"])
    assert found is not None
    assert (found.instance_id, found.state, found.image) == (made["InstanceId"], "running", image)
    assert found.metadata.hop_limit == 2 and found.metadata.tokens == "required"
    assert (found.metadata.tags, found.metadata.endpoint) == ("enabled", "enabled")
    assert found.subnet_id == subnets[0] and found.private_address == made["PrivateIpAddress"]
    assert found.security_groups == tuple(each["GroupId"] for each in made["NetworkInterfaces"][0]["Groups"])
    assert found.profile_arn.endswith(":instance-profile/teleport") and found.tags == {"Name": "a & b"}
    assert found.launched is not None and found.launched > 1.7e9
    assert here.instances.describe("i-0123456789abcdef0") is None


def test_issue_18_describes_security_groups_in_both_directions(aws: SimulatedAws, here: Aws) -> None:
    client = aws.client("ec2")
    vpc = client.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = client.create_security_group(GroupName="proxy", Description="d", VpcId=vpc)["GroupId"]
    anyone = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    client.authorize_security_group_ingress(
        GroupId=made,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 3022, "ToPort": 3025, **anyone},
            {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "UserIdGroupPairs": [{"GroupId": made}]},
        ],
    )
    (found,) = here.instances.security_groups([made])
    assert (found.group_id, found.name, found.vpc_id) == (made, "proxy", vpc)
    tcp, udp = found.ingress
    assert (tcp.protocol, tcp.first, tcp.last) == ("tcp", 3022, 3025)
    assert (tcp.ipv4, tcp.ipv6, tcp.groups) == (("0.0.0.0/0",), ("::/0",), ())
    assert udp.groups == (made,) and udp.ipv4 == ()
    assert [tcp.covers("tcp", port) for port in (3021, 3022, 3025, 3026)] == [False, True, True, False]
    assert not tcp.covers("udp", 3022) and udp.covers("udp", 53)
    (everything,) = found.egress
    assert everything.protocol == "-1" and everything.covers("tcp", 443)
    assert here.instances.security_groups(["sg-0123456789abcdef0"]) == ()
    aws.requests.clear()
    assert here.instances.security_groups([]) == () and aws.requests == []


def test_issue_18_finds_a_role_with_its_path(aws: SimulatedAws, here: Aws) -> None:
    iam = aws.client("iam")
    made = iam.create_role(RoleName="proxy", Path="/teleport/", AssumeRolePolicyDocument="{}")["Role"]
    found = here.policies.role("proxy")
    assert found == policy_simulation.Role("proxy", made["Arn"], "") and "/teleport/" in found.arn
    assert here.policies.role("other") is None


# As the IAM API reference shows an answer to SimulatePrincipalPolicy, with one result denied by a boundary.
SIMULATED = """<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <SimulatePrincipalPolicyResult>
    <IsTruncated>{truncated}</IsTruncated>{marker}
    <EvaluationResults>
      <member>
        <MatchedStatements>
          <member>
            <SourcePolicyId>PolicyInputList.1</SourcePolicyId>
            <SourcePolicyType>Managed</SourcePolicyType>
            <EndPosition><Column>4</Column><Line>7</Line></EndPosition>
            <StartPosition><Column>16</Column><Line>4</Line></StartPosition>
          </member>
        </MatchedStatements>
        <MissingContextValues/>
        <EvalResourceName>*</EvalResourceName>
        <EvalDecision>allowed</EvalDecision>
        <EvalActionName>{action}</EvalActionName>
      </member>
      <member>
        <MatchedStatements/>
        <MissingContextValues><member>kms:ViaService</member></MissingContextValues>
        <EvalResourceName>*</EvalResourceName>
        <EvalDecision>implicitDeny</EvalDecision>
        <EvalActionName>kms:Decrypt</EvalActionName>
        <PermissionsBoundaryDecisionDetail>
          <AllowedByPermissionsBoundary>false</AllowedByPermissionsBoundary>
        </PermissionsBoundaryDecisionDetail>
        <ResourceSpecificResults>
          <member>
            <EvalResourceName>arn:aws:kms:us-east-1:123456789012:key/1</EvalResourceName>
            <EvalResourceDecision>allowed</EvalResourceDecision>
            <MatchedStatements/>
            <MissingContextValues/>
          </member>
          <member>
            <EvalResourceName>arn:aws:kms:us-east-1:123456789012:key/2</EvalResourceName>
            <EvalResourceDecision>implicitDeny</EvalResourceDecision>
            <MatchedStatements/>
            <MissingContextValues><member>kms:ViaService</member></MissingContextValues>
            <PermissionsBoundaryDecisionDetail>
              <AllowedByPermissionsBoundary>false</AllowedByPermissionsBoundary>
            </PermissionsBoundaryDecisionDetail>
          </member>
        </ResourceSpecificResults>
      </member>
    </EvaluationResults>
  </SimulatePrincipalPolicyResult>
  <ResponseMetadata><RequestId>1cdb5b0a-4c15-11e5-b121-bd8c7EXAMPLE</RequestId></ResponseMetadata>
</SimulatePrincipalPolicyResponse>"""


def test_issue_18_reads_a_simulation_of_policies_as_iam_documents_it(aws: SimulatedAws, here: Aws) -> None:
    first = SIMULATED.format(action="s3:ListBucket", truncated="true", marker="<Marker>AAE=</Marker>")
    aws.fail(Answer(text=first, status=200))
    aws.fail(Answer(text=SIMULATED.format(action="s3:GetObject", truncated="false", marker=""), status=200))
    found = here.policies.simulate(
        f"arn:aws:iam::{ACCOUNT}:role/teleport/proxy",
        ["s3:ListBucket", "kms:Decrypt"],
        ["arn:aws:kms:us-east-1:123456789012:key/1", "arn:aws:kms:us-east-1:123456789012:key/2"],
        {"kms:ViaService": ["ssm.us-east-1.amazonaws.com"]},
    )
    assert [(each.action, each.decision) for each in found[:3]] == [
        ("s3:ListBucket", "allowed"),
        ("kms:Decrypt", "allowed"),
        ("kms:Decrypt", "implicitDeny"),
    ]
    assert len(found) == 6 and found[3].action == "s3:GetObject"
    assert found[0].is_allowed and found[0].policies == ("PolicyInputList.1",) and found[0].denied_by == ""
    assert found[2].resource.endswith("key/2") and found[2].denied_by == "boundary"
    assert found[2].missing_context == ("kms:ViaService",) and not found[2].is_allowed
    asked = dict(parse.parse_qsl(aws.requests[1].body.decode()))
    assert asked == {
        "Action": "SimulatePrincipalPolicy",
        "Version": "2010-05-08",
        "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/teleport/proxy",
        "ActionNames.member.1": "s3:ListBucket",
        "ActionNames.member.2": "kms:Decrypt",
        "ResourceArns.member.1": "arn:aws:kms:us-east-1:123456789012:key/1",
        "ResourceArns.member.2": "arn:aws:kms:us-east-1:123456789012:key/2",
        "ContextEntries.member.1.ContextKeyName": "kms:ViaService",
        "ContextEntries.member.1.ContextKeyValues.member.1": "ssm.us-east-1.amazonaws.com",
        "ContextEntries.member.1.ContextKeyType": "string",
        "Marker": "AAE=",
    }


def _zone(aws: SimulatedAws, name: str) -> str:
    made = aws.client("route53").create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]
    return str(made).rpartition("/")[2]


def test_issue_18_finds_the_zones_of_a_domain_and_its_records(aws: SimulatedAws, here: Aws) -> None:
    zone = _zone(aws, "teleport.example.com")
    _zone(aws, "example.com")
    _zone(aws, "example.com.au")
    records = {
        "teleport.example.com": {"Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]},
        "*.teleport.example.com": {"Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": "teleport.example.com"}]},
        "web.teleport.example.com": {
            "Type": "A",
            "AliasTarget": {
                "HostedZoneId": "Z35SXDOTRQ7X7K",
                "DNSName": "balancer-1.us-east-1.elb.amazonaws.com.",
                "EvaluateTargetHealth": False,
            },
        },
    }
    changes = [{"Action": "UPSERT", "ResourceRecordSet": {"Name": name, **each}} for name, each in records.items()]
    aws.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    service = here.dns_zones
    assert [each.name for each in service.zones_above("a.Teleport.example.com.")] == [
        "teleport.example.com",
        "example.com",
    ]
    (found,) = service.zones("teleport.example.com.")
    assert (found.zone_id, found.is_private) == (zone, False) and found.record_count >= 3
    assert service.zones("other.example") == ()
    plain = next(each for each in service.records(zone, "teleport.example.com") if each.kind == "A")
    assert (plain.ttl, plain.values, plain.alias) == (60, ("10.0.0.1",), "")
    (wildcard,) = service.records(zone, "*.teleport.example.com")
    assert (wildcard.name, wildcard.kind) == ("*.teleport.example.com", "CNAME")
    (alias,) = service.records(zone, "web.teleport.example.com")
    assert alias.alias == "balancer-1.us-east-1.elb.amazonaws.com" and alias.ttl is None
    assert alias.alias_zone == "Z35SXDOTRQ7X7K" and alias.values == ()
    assert service.records(zone, "absent.teleport.example.com") == ()
    assert service.records("Z0123456789ABCDEFGHIJ", "teleport.example.com") == ()


def test_issue_18_reads_on_while_the_next_records_have_the_same_name(aws: SimulatedAws, here: Aws) -> None:
    """Route 53 API reference, ListResourceRecordSets; names with an escaped asterisk."""
    page = """<?xml version="1.0"?>
<ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">
  <ResourceRecordSets><ResourceRecordSet>
    <Name>\\052.example.com.</Name><Type>A</Type><SetIdentifier>{identifier}</SetIdentifier><TTL>60</TTL>
    <ResourceRecords><ResourceRecord><Value>192.0.2.{identifier}</Value></ResourceRecord></ResourceRecords>
  </ResourceRecordSet></ResourceRecordSets>
  <IsTruncated>true</IsTruncated><MaxItems>1</MaxItems>
  <NextRecordName>{following}</NextRecordName><NextRecordType>A</NextRecordType>
  <NextRecordIdentifier>2</NextRecordIdentifier>
</ListResourceRecordSetsResponse>"""
    aws.fail(Answer(text=page.format(identifier=1, following="\\052.example.com."), status=200))
    aws.fail(Answer(text=page.format(identifier=2, following="a.example.com."), status=200))
    found = here.dns_zones.records("Z1", "*.example.com")
    assert [(each.name, each.identifier, each.values) for each in found] == [
        ("*.example.com", "1", ("192.0.2.1",)),
        ("*.example.com", "2", ("192.0.2.2",)),
    ]
    assert [each.operation for each in aws.requests] == [
        "GET /2013-04-01/hostedzone/Z1/rrset?name=%2A.example.com&maxitems=100",
        "GET /2013-04-01/hostedzone/Z1/rrset?name=%5C052.example.com.&maxitems=100&type=A&identifier=2",
    ]


# ---------------------------------------------------------------- threads


def test_issue_18_threads_share_the_account_and_not_its_services(aws: SimulatedAws, here: Aws) -> None:
    def ask(number: int) -> str:
        return (here.sts.caller().account, here.kms.describe(f"alias/{number}"))[0]

    with futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(24))) == [ACCOUNT] * 24


@pytest.mark.parametrize("where", ["status line", "header", "body", "chunk", "silence"])
def test_issue_18_a_call_in_a_thread_ends_with_its_deadline(where: str) -> None:
    """An answer that comes byte by byte never lets a socket's timeout run out."""
    with hostile.HostileServer(hostile.DRIPS[where]) as peer:
        there = Aws(REGION, Credentials("a", "b"), {"AWS_ENDPOINT_URL": peer.url}, wait_seconds=1.0)
        calls = (there.sts.caller, lambda: there.kms.describe("a"), lambda: there.dns_zones.zones("a.b"))
        began = time.monotonic()
        with futures.ThreadPoolExecutor(3) as pool:
            found = [each.exception() for each in [pool.submit(call) for call in calls]]
        assert time.monotonic() - began < 4.0
        assert [type(each) for each in found] == [errors.AwsUnreachable] * 3


def test_issue_18_says_which_tables_are_scaled(aws: SimulatedAws, here: Aws) -> None:
    client = aws.client("application-autoscaling")
    for table, dimensions in (("state", (scaling.READS, scaling.WRITES)), ("events", (scaling.READS,))):
        for each in dimensions:
            client.register_scalable_target(
                ServiceNamespace="dynamodb",
                ResourceId=f"table/{table}",
                ScalableDimension=each,
                MinCapacity=5,
                MaxCapacity=50,
            )
    found = here.scaling.dimensions(["state", "events", "locks"])
    assert found == {"state": {scaling.READS, scaling.WRITES}, "events": {scaling.READS}}
    assert here.scaling.dimensions(["locks"]) == {}


# ---------------------------------------------------------------- when it fails

QUERIES = {
    "sts": ("GetCallerIdentity", lambda aws: aws.sts.caller()),
    "elasticloadbalancing": ("DescribeTargetGroups", lambda aws: aws.load_balancers.target_groups()),
    "kms": ("DescribeKey", lambda aws: aws.kms.describe("alias/aws/ssm")),
    "dynamodb": ("DescribeTable", lambda aws: aws.table_descriptions.describe("state")),
    "ssm": ("DescribeParameters", lambda aws: aws.parameter_descriptions.describe(["/t/a"])),
    "application-autoscaling": ("DescribeScalableTargets", lambda aws: aws.scaling.dimensions(["state"])),
    "glue": ("GetTable", lambda aws: aws.glue.table("database", "events")),
    "athena": ("GetWorkGroup", lambda aws: aws.athena.workgroup("primary")),
    "ec2": ("DescribeInstances", lambda aws: aws.instances.describe("i-0123456789abcdef0")),
    "iam": ("GetRole", lambda aws: aws.policies.role("other")),
    "route53": ("ListHostedZonesByName", lambda aws: aws.dns_zones.zones("example.com")),
}


@pytest.mark.parametrize("service", QUERIES)
def test_issue_18_a_throttled_request_is_sent_again(aws: SimulatedAws, here: Aws, service: str) -> None:
    call = QUERIES[service][1]
    for fault in (Answer("Throttling", "Rate exceeded"), Answer("ServiceUnavailable", status=503), RESETTING):
        aws.requests.clear()
        aws.fail(fault)
        if service == "glue":
            aws.fail(IN_CATALOG)
        call(here)
        assert [each.service for each in aws.requests] == [service] * 2


@pytest.mark.parametrize("service", [each for each in QUERIES if each != "glue"])
def test_issue_18_an_answer_that_is_cut_short_is_asked_for_again(aws: SimulatedAws, here: Aws, service: str) -> None:
    call = QUERIES[service][1]
    aws.fail(CUT_SHORT)
    call(here)
    assert len(aws.requests) == 2


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
