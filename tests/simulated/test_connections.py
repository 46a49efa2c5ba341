"""What each command asks of the metadata service and of AWS for each role: what its plan needs, over one connection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.simulated import auth_server
from tests.simulated.agent import LICENSE, PIN, TOKEN, Agent
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

JOINING = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
AGENT = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_AGENT_SSH_ENABLED=true\n"
CONFS = {
    "all-in-one": "TELEPORT_ROLE=auth,node,proxy\nTELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\n",
    "auth": auth_server.CONF,
    "auth with a license": f"{auth_server.CONF}TELEPORT_LICENSE_PATH=yes\n",
    "proxy": f"TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\n{JOINING}",
    "node": f"TELEPORT_ROLE=node\n{JOINING}",
    "node with a region": f"TELEPORT_ROLE=node\nEC2_REGION=us-east-1\n{JOINING}",
    "node with tags": f"TELEPORT_ROLE=node\nTELEPORT_TAG_LABELS=Name,Team\n{JOINING}",
    "agent": f"{AGENT}TELEPORT_JOIN_TOKEN={TOKEN}\n",
    "agent with a parameter": f"{AGENT}TELEPORT_JOIN_TOKEN_PARAMETER=/join/token\n",
}
CLUSTER = "/teleport/cluster-1"
PINS = f"{CLUSTER}/ca-pin-hash"
TOKENS = list(auth_server.TOKENS.values())
# What the plan of each role takes from SSM, in one call.
PARAMETERS = {
    "auth with a license": [f"{CLUSTER}/license"],
    "proxy": [f"{CLUSTER}/tokens/proxy", PINS],
    "node": [f"{CLUSTER}/tokens/node", PINS],
    "node with a region": [f"{CLUSTER}/tokens/node", PINS],
    "node with tags": [f"{CLUSTER}/tokens/node", PINS],
    "agent with a parameter": ["/join/token"],
}
FACTS = ["local-ipv4", "local-hostname", "instance-id", "placement/region", "public-ipv4"]
TAGS = ["tags/instance/", "tags/instance/Name", "tags/instance/Team"]
CREDENTIALS = ["iam/security-credentials/", "iam/security-credentials/teleport-role"]


@pytest.fixture(params=list(CONFS))
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def agent(role: str, tmp_path: Path, imds: emulator.Server, aws: Aws) -> Agent:
    """An instance on its first boot, for which everything is published."""
    imds.service.update({"tags": {"Name": "n", "Team": "t", "Other": "o"}})
    aws.put_parameters({f"{CLUSTER}/license": LICENSE, "/join/token": TOKEN})
    aws.put_parameters({f"{CLUSTER}/tokens/{name}": TOKEN for name in ("node", "proxy")})
    aws.put_parameters({PINS: PIN}, kind="String")
    root = tmp_path / "root"
    (root / "etc/teleport.d").mkdir(parents=True)
    agent = Agent(root, imds=imds.url, aws=aws.url)
    agent.conf(CONFS[role])
    return agent


def facts(role: str) -> list[str]:
    """Return the items that the plan of a role is made from, in their order."""
    needed = [each for each in FACTS if role != "node with a region" or each != "placement/region"]
    return [*needed, *(TAGS if role == "node with tags" else [])]


def parameters(role: str) -> list[tuple[str, list[str]]]:
    return [("GetParameters", PARAMETERS[role])] if role in PARAMETERS else []


def asked(
    agent: Agent, imds: emulator.Server, aws: Aws, *command: str
) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Run a command; return the items that it asked the metadata service for, and its calls of SSM with their names.

    Whatever it asks a service, it does so over one connection, with one token.
    """
    imds.service.requests.clear()
    imds.service.connections = 0
    aws.requests.clear()
    aws.connections = 0
    done = agent.run(*command)
    assert done.status == 0, done.errors
    items = [each.path.partition("/meta-data/")[2] for each in imds.service.gets()]
    assert imds.service.connections == len(imds.service.puts()) == (1 if items else 0)
    assert {each.service for each in aws.requests} <= {"ssm"}
    assert aws.connections == (1 if aws.requests else 0)
    return items, [(each.operation, json.loads(each.body)["Names"]) for each in aws.requests]


def test_issue_16_connections_of_the_first_boot(role: str, agent: Agent, imds: emulator.Server, aws: Aws) -> None:
    items, calls = asked(agent, imds, aws, "generate", "--wait", "20")
    assert items == [*facts(role), *(CREDENTIALS if role in PARAMETERS else [])]
    assert calls == parameters(role)
    # A later boot asks nothing.
    assert asked(agent, imds, aws, "generate") == ([], [])


def test_issue_16_connections_of_later_commands(role: str, agent: Agent, imds: emulator.Server, aws: Aws) -> None:
    assert agent.generate().status == 0
    credentials = CREDENTIALS if role in PARAMETERS else []
    assert asked(agent, imds, aws, "reconfigure", "--yes") == ([*facts(role), *credentials], parameters(role))
    assert asked(agent, imds, aws, "fetch-secrets") == (credentials, parameters(role))
    assert asked(agent, imds, aws, "render") == (facts(role), [])
    assert asked(agent, imds, aws, "plan") == (facts(role), [])
    assert asked(agent, imds, aws, "metadata", "instance-id") == (["instance-id"], [])
    assert asked(agent, imds, aws, "validate") == ([], [])
    # Teleport does not run here, which `status` ends with.
    imds.service.requests.clear()
    agent.run("status")
    assert not imds.service.requests


@pytest.mark.parametrize("role", ["auth"])
def test_issue_16_connections_of_a_publication(role: str, agent: Agent, imds: emulator.Server, aws: Aws) -> None:
    auth_server.make_table(aws)
    server = auth_server.AuthServer(agent, aws).prepare(CONFS[role])
    assert agent.generate().status == 0
    imds.service.requests.clear()
    imds.service.connections = 0
    aws.requests.clear()
    aws.connections = 0
    assert server.publish().status == 0
    items = [each.path.partition("/meta-data/")[2] for each in imds.service.gets()]
    # The name is that of the holder of the lock.
    assert sorted(items) == sorted([*CREDENTIALS, "local-hostname"])
    assert imds.service.connections == len(imds.service.puts()) == 1
    ssm = [each for each in aws.requests if each.service == "ssm"]
    assert json.loads(ssm[0].body)["Names"] == [*TOKENS, PINS]
    assert [each.operation for each in ssm] == ["GetParameters", *["PutParameter"] * len(TOKENS)]
    assert [each.operation for each in aws.requests if each.service != "ssm"] == ["GetItem", "PutItem", "DeleteItem"]
    # One for each of the two services.
    assert aws.connections == 2
