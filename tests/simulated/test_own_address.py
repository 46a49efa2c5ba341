"""Row 12: an all-in-one without a name after a stop and a start, when EC2 has given it another public address."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulated.agent import NOWHERE, Agent
from tests.simulated_ec2 import imds as emulator

CONF = "TELEPORT_CLUSTER_NAME=acme\n"
NEW = "198.51.100.7"
MOVED = f"is 203.0.113.12, but the address of this instance is now {NEW}"


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    root = tmp_path / "root"
    (root / "etc/teleport.d").mkdir(parents=True)
    agent = Agent(root, imds=imds.url)
    agent.conf(CONF)
    return agent


def drift(agent: Agent) -> str:
    return "\n".join(agent.run("status", "--format", "json").warnings)


def start_again(agent: Agent, imds: emulator.Server, address: str | None = NEW) -> str:
    """Return what `generate` says at the boot after a stop."""
    imds.service.update({"meta-data": {"public-ipv4": address}})
    done = agent.generate()
    assert done.status == 0, done.errors
    return done.said


def test_row_12_generate_and_status_say_so(agent: Agent, imds: emulator.Server) -> None:
    assert agent.generate().status == 0
    before = agent.teleport_yaml.read_text()
    assert "address of this instance" not in start_again(agent, imds, "203.0.113.12") + drift(agent)
    said = start_again(agent, imds)
    assert MOVED in said and "teleport-bootstrap reconfigure" in said
    assert agent.teleport_yaml.read_text() == before
    agent.imds = NOWHERE
    assert MOVED in drift(agent), "status asks no one"
    agent.imds = imds.url
    assert agent.run("reconfigure", "--yes").status == 0
    assert NEW in agent.teleport_yaml.read_text()
    assert "address of this instance" not in drift(agent) + start_again(agent, imds)


def test_row_12_status_notices_what_a_label_command_has_read(agent: Agent, imds: emulator.Server) -> None:
    assert agent.generate().status == 0
    imds.service.update({"meta-data": {"public-ipv4": NEW}})
    assert agent.run("metadata", "public-ipv4").output == f"{NEW}\n"
    assert MOVED in drift(agent)


def test_row_12_an_address_that_is_gone_is_said(agent: Agent, imds: emulator.Server) -> None:
    assert agent.generate().status == 0
    assert "is now 10.0.0.12" in start_again(agent, imds, None)


def test_row_12_without_the_metadata_service_the_boot_goes_on(agent: Agent) -> None:
    assert agent.generate().status == 0
    agent.imds = NOWHERE
    done = agent.generate()
    assert done.status == 0 and "address of this instance" not in done.said


@pytest.mark.parametrize(
    "text",
    [
        "TELEPORT_DOMAIN_NAME=teleport.acmeinc.com\n",
        "TELEPORT_EXTERNAL_HOSTNAME=203.0.113.12\n",
        "TELEPORT_EXTERNAL_HOSTNAME=teleport.acmeinc.com\n",
    ],
)
def test_row_12_a_name_in_the_conf_stays(agent: Agent, imds: emulator.Server, text: str) -> None:
    agent.conf(CONF + text)
    assert agent.generate().status == 0
    assert "address of this instance" not in start_again(agent, imds) + drift(agent)
    assert len(imds.service.gets("public-ipv4")) <= 1, "only at the first boot"


def test_row_12_an_address_of_the_operator_stays(agent: Agent, imds: emulator.Server) -> None:
    override = "proxy_service:\n  public_addr: 192.0.2.99:443\n"
    agent.write("/etc/teleport.d/teleport.yaml.d/10-address.yaml", override)
    assert agent.generate().status == 0
    assert "192.0.2.99" in agent.teleport_yaml.read_text()
    assert "address of this instance" not in start_again(agent, imds) + drift(agent)
