"""IPv6-only subnets: no local-ipv4, the metadata service on IPv6 (here ::1), dual-stack endpoints of AWS."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from teleport_bootstrap import errors, paths
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.instance import gather
from tests.simulated.agent import NOWHERE, Agent
from tests.simulated_ec2 import imds as emulator

ADDRESS = "2600:1f16:127c:7a00::12"
IPV6_ONLY = {
    "meta-data": {
        "local-ipv4": None,
        "public-ipv4": None,
        "public-hostname": None,
        "ipv6": ADDRESS,
        "local-hostname": "i-0123456789abcdef0.us-east-1.compute.internal",
    }
}
ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"


@pytest.fixture
def imds6() -> Iterator[emulator.Server]:
    """A metadata service on IPv6, of an instance without IPv4."""
    server = emulator.Server(IPV6_ONLY, bind="::1")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def agent(tmp_path: Path, imds6: emulator.Server) -> Agent:
    root = tmp_path / "root"
    (root / "etc/teleport.d").mkdir(parents=True)
    return Agent(root, imds=imds6.url)


def test_such_an_instance_has_facts(imds6: emulator.Server) -> None:
    assert imds6.url.startswith("http://[::1]:")
    found = facts.read(Imds(imds6.url, deadline_seconds=20), region=None)
    assert (found.local_ipv4, found.ipv6, found.public_ipv4) == (None, ADDRESS, None)


def test_an_instance_with_ipv4_is_not_asked_for_its_ipv6_address(imds: emulator.Server) -> None:
    imds.service.update({"meta-data": {"ipv6": ADDRESS}})
    assert facts.read(Imds(imds.url, deadline_seconds=20), region=None).address == "10.0.0.12"
    assert not imds.service.gets("ipv6")


def test_an_instance_with_neither_address_is_an_error(imds6: emulator.Server) -> None:
    imds6.service.update({"meta-data": {"ipv6": None}})
    with pytest.raises(errors.MetadataAbsent, match="local-ipv4"):
        facts.read(Imds(imds6.url, deadline_seconds=20), region=None)


@pytest.mark.parametrize("answer", ["<html>", "10.0.0.1", "fe80::1"])
def test_another_answer_than_such_an_address_is_refused(imds6: emulator.Server, answer: str) -> None:
    imds6.service.update({"meta-data": {"ipv6": answer}})
    with pytest.raises(errors.MetadataInvalid, match="ipv6"):
        facts.read(Imds(imds6.url, deadline_seconds=20), region=None)


def test_the_second_address_is_used_where_the_first_does_not_answer(imds6: emulator.Server) -> None:
    client = Imds(NOWHERE, other_url=imds6.url, deadline_seconds=20)
    assert client.get("ipv6") == ADDRESS
    assert client.url == imds6.url


def test_the_first_address_is_kept_once_it_has_answered(imds: emulator.Server, imds6: emulator.Server) -> None:
    client = Imds(imds.url, other_url=imds6.url, deadline_seconds=20)
    assert client.get("local-ipv4") == "10.0.0.12"
    imds.service.set_faults(reset=2)
    assert client.get("instance-id")
    assert client.url == imds.url and not imds6.service.requests


def test_a_first_address_that_swallows_packets_costs_seconds_only(imds6: emulator.Server) -> None:
    """A full backlog takes no further connection, as an address to which no route leads back."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        began = time.monotonic()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert Imds(url, other_url=imds6.url, deadline_seconds=20).get("ipv6") == ADDRESS
        assert time.monotonic() - began < 10


def test_where_neither_answers_both_are_named() -> None:
    with pytest.raises(errors.MetadataUnreachable) as caught:
        Imds(NOWHERE, other_url="http://[::1]:9", deadline_seconds=0.5).get("ipv6")
    assert f"{NOWHERE} and http://[::1]:9" in caught.value.message


def test_the_hint_about_the_hop_limit_survives_a_second_address(imds: emulator.Server) -> None:
    imds.service.set_faults(drop_put=True)
    with pytest.raises(errors.MetadataUnreachable) as caught:
        Imds(imds.url, other_url="http://[::1]:9", deadline_seconds=2).get("local-ipv4")
    assert "--http-put-response-hop-limit 2" in caught.value.hint


def test_generate_writes_ipv6_and_the_next_boot_keeps_it(agent: Agent) -> None:
    agent.conf("TELEPORT_ACM_TARGET_PROTOCOL=https\nUSE_ACM=true\nTELEPORT_DOMAIN_NAME=teleport.acmeinc.com\n")
    done = agent.generate()
    assert done.status == 0, done.errors
    document = yaml.safe_load(agent.teleport_yaml.read_text())
    assert document["teleport"]["advertise_ip"] == ADDRESS
    assert document["teleport"]["nodename"] == "i-0123456789abcdef0-us-east-1-compute-internal"
    listening = [
        address
        for section in document.values()
        if isinstance(section, dict)
        for key, address in section.items()
        if key.endswith("listen_addr")
    ]
    assert listening and all(address.startswith("[::]:") for address in listening)
    environment = agent.path("/var/lib/teleport-bootstrap/unit.env")
    assert environment.read_text() == (
        "TELEPORT_START_FLAGS=\nAWS_USE_DUALSTACK_ENDPOINT=true\nAWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6\n"
    )
    again = Agent(agent.root).generate()
    assert again.status == 0, again.errors
    assert "MODE=IPv6" in environment.read_text(), "without the metadata service"


def test_the_label_of_the_private_address_is_the_ipv6_one(agent: Agent) -> None:
    agent.conf("TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=acme\nTELEPORT_AUTH_SERVER_LB=auth.acmeinc.com\n")
    done = agent.run("render", "--format", "json")
    assert done.status == 0, done.errors
    commands = {each["name"]: each["command"] for each in done.data["teleport_yaml"]["ssh_service"]["commands"]}
    assert commands["internal"] == ["teleport-bootstrap", "metadata", "ipv6"] and "external" not in commands
    assert agent.run(*commands["internal"][1:]).output == f"{ADDRESS}\n"


def test_dual_stack_endpoints_are_used_there_and_only_there(
    tmp_path: Path, imds: emulator.Server, imds6: emulator.Server
) -> None:
    for server, environ, expected in (
        (imds6, {}, True),
        (imds, {}, False),
        (imds6, {"AWS_USE_DUALSTACK_ENDPOINT": "false"}, False),
    ):
        doors = gather.Doors(paths.Root(str(tmp_path)), {ENDPOINT: server.url, **environ})
        found = gather.aws(doors, region="us-west-2")
        assert found.dual_stack is expected
        host = found.ssm.endpoint
        assert host == ("https://ssm.us-west-2.api.aws" if expected else "https://ssm.us-west-2.amazonaws.com")
