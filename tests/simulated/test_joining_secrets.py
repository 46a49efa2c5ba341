"""Secrets for joining from parameters that the conf names: an agent's token, and the secret for bound_keypair."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.simulated.agent import TOKEN, Agent, shows_no_secret
from tests.simulated.test_fetch_secrets import NODE, PIN_FILE, TOKEN_FILE, asked_for, fetch, publish
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.aws import ACCOUNT, REGION

AGENT = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_AGENT_SSH_ENABLED=true\n"
KEYPAIR = "TELEPORT_JOIN_METHOD=bound_keypair\nTELEPORT_JOIN_TOKEN_NAME=host-7\n"
SECRET_FILE = "/var/lib/teleport/registration-secret"
DROP_IN = "/etc/systemd/system/{}.d/50-teleport-bootstrap.conf"
TIMER = "/etc/systemd/system/timers.target.wants/teleport-fetch-secrets.timer"
OTHER_REGION = "eu-central-1"


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server, aws: Aws) -> Agent:
    root = tmp_path / "root"
    (root / "etc/teleport.d").mkdir(parents=True)
    return Agent(root, imds=imds.url, aws=aws.url)


def arn(name: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:ssm:{region}:{account}:parameter{name}"


@pytest.mark.parametrize(
    ("parameter", "region"),
    [
        ("/fleet/agents/token", REGION),
        (arn("/fleet/agents/token"), REGION),
        (arn("/fleet/agents/token", OTHER_REGION), OTHER_REGION),
    ],
    ids=["name", "arn", "another region"],
)
def test_join_3_the_token_of_an_agent_comes_from_the_parameter(
    agent: Agent, aws: Aws, parameter: str, region: str
) -> None:
    aws.put_parameters({"/fleet/agents/token": TOKEN}, region=region)
    agent.conf(AGENT + f"TELEPORT_JOIN_TOKEN_PARAMETER={parameter}\n")
    done = agent.generate()
    assert done.status == 0, done.errors
    shows_no_secret(done)
    assert asked_for(aws) == [parameter]
    assert agent.path(TOKEN_FILE).read_text() == f"{TOKEN}\n"
    assert agent.path(TOKEN_FILE).stat().st_mode & 0o777 == 0o600
    assert TOKEN not in agent.path("/etc/teleport.yaml").read_text()


def test_join_3_an_agent_waits_for_its_parameter_and_for_nothing_else(agent: Agent, aws: Aws) -> None:
    agent.conf(AGENT + "TELEPORT_JOIN_TOKEN_PARAMETER=/fleet/token\n")
    done = agent.generate()
    assert done.status == 0, done.errors
    assert "waits for" in done.said and "it is fetched from SSM parameter /fleet/token" in done.said
    # The unit has two roles with conditions of which one is enough; the token must not be one of these.
    lines = agent.path(DROP_IN.format("teleport.service")).read_text().splitlines()
    assert lines[lines.index("[Unit]") + 1 :] == [
        "ConditionPathExists=",
        "ConditionPathExists=/etc/teleport.yaml",
        "ConditionPathExists=/etc/teleport.d/role.agent",
        f"ConditionPathExists=|{TOKEN_FILE}",
        "ConditionPathExists=|/var/lib/teleport/proc/sqlite.db",
    ]
    late = fetch(agent)
    assert late.status == 10 and "Create the parameter that the conf names" in late.errors
    aws.put_parameters({"/fleet/token": TOKEN})
    assert fetch(agent).status == 0
    assert agent.path(TOKEN_FILE).read_text() == f"{TOKEN}\n"


def test_join_3_a_parameter_of_another_account_is_refused_plainly(agent: Agent, aws: Aws) -> None:
    agent.conf(AGENT + f"TELEPORT_JOIN_TOKEN_PARAMETER={arn('/fleet/token', account='999999999999')}\n")
    assert agent.generate().status == 0
    done = fetch(agent)
    assert done.status == 10 and f"is not in the account {ACCOUNT} of this instance" in done.errors
    assert aws.requests == []


def test_join_3_a_node_may_have_a_parameter_of_its_own(agent: Agent, aws: Aws) -> None:
    publish(aws, "node", token="")
    aws.put_parameters({"/fleet/nodes": TOKEN})
    agent.conf(NODE + "TELEPORT_JOIN_TOKEN_PARAMETER=/fleet/nodes\n")
    assert agent.generate().status == 0
    assert agent.path(TOKEN_FILE).read_text() == f"{TOKEN}\n"
    assert agent.path(PIN_FILE).exists()


@pytest.mark.parametrize("base", [AGENT, NODE], ids=["agent", "node"])
def test_join_3_bound_keypair_with_the_secret_from_ssm(agent: Agent, aws: Aws, base: str) -> None:
    agent.install(version="18.7.0")
    publish(aws, "node", token="")
    aws.put_parameters({"/fleet/host-7": TOKEN})
    agent.conf(base + KEYPAIR + "TELEPORT_REGISTRATION_SECRET_PARAMETER=/fleet/host-7\n")
    done = agent.generate()
    assert done.status == 0, done.errors
    shows_no_secret(done)
    written = agent.path("/etc/teleport.yaml").read_text()
    assert TOKEN not in written
    assert yaml.safe_load(written)["teleport"]["join_params"] == {
        "method": "bound_keypair",
        "token_name": "host-7",
        "bound_keypair": {"registration_secret_path": SECRET_FILE},
    }
    assert agent.path(SECRET_FILE).read_text() == f"{TOKEN}\n"
    assert agent.path(SECRET_FILE).stat().st_mode & 0o777 == 0o600
    assert not agent.path(TOKEN_FILE).exists()
    unit = "teleport.service" if base == AGENT else "teleport-node.service"
    assert f"ConditionPathExists=|{SECRET_FILE}\n" in agent.path(DROP_IN.format(unit)).read_text()
    # It serves once: a host that has joined starts without it.
    agent.path(SECRET_FILE).unlink()
    agent.write("/var/lib/teleport/proc/sqlite.db", "x")
    assert agent.run("status", "--format", "json").data["pending"] == []


def test_join_3_bound_keypair_with_the_secret_in_a_file(agent: Agent, aws: Aws) -> None:
    agent.install(version="18.7.0")
    agent.write("/etc/host-7", TOKEN)
    agent.conf(AGENT + KEYPAIR + "TELEPORT_REGISTRATION_SECRET_PATH=/etc/host-7\n")
    done = agent.generate()
    assert done.status == 0, done.errors
    params = yaml.safe_load(agent.path("/etc/teleport.yaml").read_text())["teleport"]["join_params"]
    assert params["bound_keypair"] == {"registration_secret_path": "/etc/host-7"}
    assert aws.requests == []


def test_join_3_bound_keypair_takes_18_7(agent: Agent) -> None:
    agent.install(version="18.6.9")
    agent.conf(AGENT + KEYPAIR + "TELEPORT_REGISTRATION_SECRET_PATH=/etc/host-7\n")
    done = agent.generate()
    assert done.status == 5 and "Install Teleport 18.7 or newer" in done.errors
