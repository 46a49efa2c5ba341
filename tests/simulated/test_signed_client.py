"""The client for SSM, DynamoDB and EC2's tags, against answers as the services' documentation shows them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials

from teleport_bootstrap import errors
from teleport_bootstrap.aws import connection, failures, signed_client
from teleport_bootstrap.aws.account import Aws
from teleport_bootstrap.host import clock
from tests.simulated import auth_server
from tests.simulated import hostile_server as hostile
from tests.simulated.agent import CHECKOUT, GUIDE, PIN, TOKEN, Agent
from tests.simulated_ec2 import Aws as SimulatedAws
from tests.simulated_ec2 import imds as emulator

JOINING = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
DATE = {"Date": "Tue, 14 Nov 2023 22:30:00 GMT"}


@pytest.fixture(scope="module")
def peer() -> Iterator[hostile.HostileServer]:
    with hostile.HostileServer(hostile.DRIPS["silence"]) as server:
        yield server


def client(peer: hostile.HostileServer, service: str) -> signed_client.SignedClient:
    found = connection.plan(service, region="us-east-1", environ={"AWS_ENDPOINT_URL": peer.url}, deadline_seconds=3.0)
    return signed_client.SignedClient(found, credentials=Credentials("AKIDEXAMPLE", "s", "t"), clock=clock.SYSTEM)


def refused(peer: hostile.HostileServer, service: str, body: bytes, **named: Any) -> failures.Refusal:
    peer.fault = lambda each: each.send(hostile.answer(body, **{"status": 400, "headers": DATE, **named}))
    with pytest.raises(failures.Refusal) as caught:
        client(peer, service).send({"ssm": "GetParameters", "dynamodb": "GetItem", "ec2": "DescribeTags"}[service], {})
    return caught.value


@pytest.mark.parametrize(
    ("service", "body", "code", "message"),
    [
        # SSM writes the name alone, DynamoDB one with a namespace; some services write `Message`, or a URL after it.
        ("ssm", '{"__type":"ThrottlingException","message":"Rate exceeded"}', "ThrottlingException", "Rate exceeded"),
        ("ssm", '{"__type":"AccessDeniedException","Message":"User: a"}', "AccessDeniedException", "User: a"),
        ("ssm", '{"__type":"ParameterNotFound"}', "ParameterNotFound", ""),
        (
            "dynamodb",
            '{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource"}',
            "ResourceNotFoundException",
            "Requested resource",
        ),
        (
            "dynamodb",
            '{"__type":"com.amazon.coral.service#UnrecognizedClientException:http://internal/","message":"m"}',
            "UnrecognizedClientException",
            "m",
        ),
        (
            "ec2",
            '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>UnauthorizedOperation</Code>'
            "<Message>You are not authorized</Message></Error></Errors><RequestID>r</RequestID></Response>",
            "UnauthorizedOperation",
            "You are not authorized",
        ),
    ],
)
def test_issue_16_reads_an_error_as_the_service_writes_it(
    peer: hostile.HostileServer, service: str, body: str, code: str, message: str
) -> None:
    error = refused(peer, service, body.encode())
    assert (failures.code(error), error.response["Error"]["Message"]) == (code, message)
    assert failures.clock_skew(error.response, now=1_700_001_000.0) == 0.0


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"__type": 1}', b"\xff", b"[" * 20_000])
@pytest.mark.parametrize("service", ["ssm", "ec2"])
@pytest.mark.parametrize("status", [302, 403, 502])
def test_issue_16_an_error_that_is_not_from_aws_has_its_status_for_a_code(
    peer: hostile.HostileServer, body: bytes, service: str, status: int
) -> None:
    error = refused(peer, service, body, status=status)
    assert failures.code(error) == str(status)


PARAMETER = {"Name": "/a", "Type": "String", "Value": "v", "Version": 3, "LastModifiedDate": 1.7e9, "ARN": "arn:a"}


def sent(peer: hostile.HostileServer, service: str, operation: str, body: bytes, **named: Any) -> Any:
    peer.fault = lambda each: each.send(hostile.answer(body, **named))
    return client(peer, service).send(operation, {})


def test_issue_16_reads_an_answer_with_its_request_id_and_its_headers(peer: hostile.HostileServer) -> None:
    headers = {"x-amzn-RequestId": "4a5e6f7b", **DATE}
    found = sent(peer, "ssm", "GetParameters", json.dumps({"Parameters": [PARAMETER]}).encode(), headers=headers)
    assert found["Parameters"] == [PARAMETER]
    assert found["ResponseMetadata"]["HTTPHeaders"]["date"] == DATE["Date"]
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_issue_16_an_answer_that_was_changed_on_its_way_is_not_one(peer: hostile.HostileServer) -> None:
    """DynamoDB sends a CRC-32 of each body."""
    body = b'{"Item":{"Lock":{"S":"/auth/servers"}}}'
    right = {"x-amz-crc32": str(zlib.crc32(body))}
    assert sent(peer, "dynamodb", "GetItem", body, headers=right)["Item"] == {"Lock": {"S": "/auth/servers"}}
    with pytest.raises(failures.NotAnAnswer):
        sent(peer, "dynamodb", "GetItem", body.replace(b"auth", b"node"), headers=right)


@pytest.mark.parametrize(
    "change",
    [
        {"Value": 1},
        {"Version": "3"},
        {"Version": True},
        {"Version": 1.5},
        {"Name": ["/a"]},
        {"LastModifiedDate": "2023-11-14"},
        {"LastModifiedDate": float("nan")},
        {"LastModifiedDate": -1},
        {"LastModifiedDate": 1e300},
    ],
    ids=str,
)
def test_issue_16_a_value_of_another_type_is_not_an_answer(peer: hostile.HostileServer, change: dict[str, Any]) -> None:
    with pytest.raises(failures.NotAnAnswer):
        sent(peer, "ssm", "GetParameters", json.dumps({"Parameters": [{**PARAMETER, **change}]}).encode())


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"a"', b"<html/>", b"\xff\xfe", b'{"Parameters":[null]}', b"{"])
def test_issue_16_garbage_with_status_200_is_not_an_answer(peer: hostile.HostileServer, body: bytes) -> None:
    with pytest.raises(failures.NotAnAnswer):
        sent(peer, "ssm", "GetParameters", body)


TAGS = (
    '<DescribeTagsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><tagSet>{}</tagSet>'
    "</DescribeTagsResponse>"
)
ITEM = (
    "<item><resourceId>i-1</resourceId><resourceType>instance</resourceType><key>cost &amp; center</key>"
    "<value>42</value></item>"
)


def test_issue_16_reads_the_tags_that_ec2_describes(peer: hostile.HostileServer) -> None:
    body = TAGS.format(ITEM).encode()
    found = sent(peer, "ec2", "DescribeTags", body, kind="text/xml;charset=UTF-8")
    assert found["tagSet"] == [{"key": "cost & center", "value": "42"}]
    assert sent(peer, "ec2", "DescribeTags", TAGS.format("").encode())["tagSet"] == []


@pytest.mark.parametrize(
    "body",
    [
        "<html><body>Welcome</body></html>",
        TAGS.format("<item><key>a</key><value>b</value>"),
        TAGS.format("<item><key><b/></key></item>"),
        TAGS.format("<item><key>a</key><key>a</key></item>"),
        TAGS.format("<item/><other/>"),
        f'<!DOCTYPE a [<!ENTITY b "c">]>{TAGS.format(ITEM)}',
    ],
)
def test_issue_16_other_xml_is_not_an_answer(peer: hostile.HostileServer, body: str) -> None:
    with pytest.raises(failures.NotAnAnswer):
        sent(peer, "ec2", "DescribeTags", body.encode())


def test_issue_16_a_tag_without_a_value_is_not_an_answer(peer: hostile.HostileServer) -> None:
    aws = Aws("us-east-1", Credentials("a", "b"), {"AWS_ENDPOINT_URL": peer.url}, wait_seconds=0.5)
    peer.fault = lambda each: each.send(hostile.answer(TAGS.format("<item><key>a</key></item>").encode()))
    with pytest.raises(errors.AwsUnreachable, match="did not come from AWS"):
        aws.instance_tags("i-1", ["a"])


def test_issue_16_asks_through_a_proxy_and_not_where_no_proxy_says_so(
    peer: hostile.HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.fault = lambda each: each.send(hostile.answer(b'{"Parameters":[]}'))
    peer.seen.clear()
    monkeypatch.setenv("http_proxy", peer.url)
    aws = Aws("us-east-1", Credentials("a", "b"), {"AWS_ENDPOINT_URL": "http://ssm.invalid"}, wait_seconds=3.0)
    aws.ssm.look_up(["/a"])
    assert [each.path for each in peer.seen] == ["http://ssm.invalid/"]
    monkeypatch.setenv("no_proxy", "ssm.invalid")
    with pytest.raises(errors.AwsUnreachable, match="does not resolve"):
        aws.ssm.look_up(["/a"])
    assert len(peer.seen) == 1


def test_issue_16_a_netrc_file_changes_no_signature(
    peer: hostile.HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login forgotten password forgotten\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sent(peer, "ssm", "GetParameters", b'{"Parameters":[]}')
    assert peer.seen[-1].headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")


# ---------------------------------------------------------------- without botocore


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    return Agent(root)


@pytest.fixture
def without(agent: Agent, imds: emulator.Server, aws: SimulatedAws, tmp_path: Path) -> Agent:
    """A host whose Python has no botocore."""
    library = tmp_path / "library" / "botocore.py"
    library.parent.mkdir()
    library.write_text("raise ModuleNotFoundError(\"No module named 'botocore'\", name='botocore')\n")
    agent.environ["PYTHONPATH"] = f"{library.parent}:{CHECKOUT}"
    agent.imds, agent.aws = imds.url, aws.url
    agent.install()
    return agent


ROLES = {
    "": GUIDE,
    "auth": auth_server.CONF,
    "proxy": f"TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\n{JOINING}",
    "node": f"TELEPORT_ROLE=node\n{JOINING}",
    "agent": "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_AGENT_SSH_ENABLED=true\n"
    "TELEPORT_JOIN_TOKEN=planted-token-93af\n",
}


@pytest.mark.parametrize("role", list(ROLES))
def test_issue_16_a_first_boot_of_each_role_needs_no_botocore(without: Agent, aws: SimulatedAws, role: str) -> None:
    aws.put_parameters({f"/teleport/cluster-1/tokens/{each}": TOKEN for each in ("proxy", "node")})
    aws.put_parameters({"/teleport/cluster-1/ca-pin-hash": PIN})
    without.conf(ROLES[role])
    done = without.generate()
    assert done.status == 0, done.said
    assert without.teleport_yaml.exists()
    done = without.run("status")
    assert "Traceback" not in done.said


def test_issue_16_publishing_and_reconfigure_need_no_botocore(without: Agent, aws: SimulatedAws) -> None:
    auth_server.make_table(aws)
    server = auth_server.AuthServer(without, aws).prepare()
    assert without.generate().status == 0
    done = server.publish()
    assert done.status == 0, done.said
    found = server.parameter(auth_server.TOKENS["node"])
    assert found is not None and server.accepts(found["Value"], "node")
    without.conf(f"{auth_server.CONF}TELEPORT_DOMAIN_NAME=example.com\n")
    done = without.run("reconfigure", "--yes")
    assert done.status == 0, done.said


def test_issue_16_s3_without_botocore_says_what_to_install(without: Agent) -> None:
    without.conf(GUIDE)
    assert without.generate().status == 0
    done = without.run("backup", "s3://acme-backups/teleport", "--wait", "3")
    assert done.status == errors.FILES, done.said
    assert "needs the Python library botocore" in done.errors
    assert "python3-botocore" in done.errors
    assert without.run("backup", str(without.path("/var/backups/"))).status == 0


@pytest.mark.parametrize("role", list(ROLES))
def test_issue_16_no_command_without_s3_loads_botocore(
    agent: Agent, imds: emulator.Server, aws: SimulatedAws, role: str
) -> None:
    """It was 250 ms and 24 MiB of each boot."""
    agent.imds, agent.aws = imds.url, aws.url
    agent.install()
    aws.put_parameters({f"/teleport/cluster-1/tokens/{each}": TOKEN for each in ("proxy", "node")})
    aws.put_parameters({"/teleport/cluster-1/ca-pin-hash": PIN})
    agent.conf(ROLES[role])
    agent.environ["PYTHONPROFILEIMPORTTIME"] = "1"
    done = agent.generate()
    assert done.status == 0
    imported = {line.rpartition("|")[2].strip() for line in done.errors.splitlines() if line.startswith("import time")}
    assert "teleport_bootstrap" in imported
    assert not {each for each in imported if each.startswith(("botocore", "boto3"))}
