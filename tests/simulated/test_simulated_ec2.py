"""The simulated EC2 itself, as a program and as a context manager."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest

from teleport_bootstrap.aws.account import Aws
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.ec2.imds import Imds
from tests.simulated_ec2 import SimulatedEc2
from tests.simulated_ec2 import imds as emulator


class Program:
    """The emulator as a process, and its control port."""

    def __init__(self, url: str, control: str) -> None:
        self.url = url
        self._control = control

    def ask(self, path: str, body: Optional[dict[str, Any]] = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self._control + path, data, timeout=5) as answer:
            return json.load(answer)

    def get(self, path: str) -> str:
        agent = Imds.from_environment({"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url}, deadline_seconds=5)
        return agent.get_absolute(path) or ""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    data = tmp_path / "data.json"
    data.write_text(json.dumps({"user-data": "#!/bin/sh\n", "tags": {"Name": "a"}, "meta-data": {"public-ipv4": None}}))
    # -I: nothing of this environment, as in a container that has the distribution's Python and this one file.
    command = [sys.executable, "-I", emulator.__file__, "--data", str(data), "--control-port", str(port)]
    process = subprocess.Popen([*command, "--fault", "error_500=1"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield Program(process.stdout.readline().strip(), f"http://127.0.0.1:{port}")
    process.terminate()
    process.communicate(timeout=10)


def test_the_emulator_runs_as_a_program(program: Program) -> None:
    assert program.get("user-data") == "#!/bin/sh\n"
    assert program.get("meta-data/tags/instance/") == "Name"
    assert program.get("meta-data/public-ipv4") == ""
    assert program.get("meta-data/placement/") == "availability-zone\nregion"
    assert [request["status"] for request in program.ask("/requests")][:2] == [500, 200]


def test_faults_and_data_of_the_emulator_can_be_changed_from_outside(program: Program) -> None:
    program.get("user-data")
    program.ask("/clear-requests", {})
    program.ask("/data", {"meta-data": {"local-ipv4": "10.9.9.9"}})
    program.ask("/faults", {"reset": 1})
    assert program.get("meta-data/local-ipv4") == "10.9.9.9"
    assert [request["status"] for request in program.ask("/requests")] == [0, 200, 200]
    with pytest.raises(urllib.error.HTTPError):
        program.ask("/faults", {"no_such_fault": 1})


@pytest.mark.parametrize("version", ["latest", "1.0", "2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23"])
def test_every_version_that_cloud_init_reads_is_the_same(imds: emulator.Server, version: str) -> None:
    token = imds.service.new_token(60)
    request = urllib.request.Request(
        f"{imds.url}/{version}/meta-data/instance-id", headers={"X-aws-ec2-metadata-token": token}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.read() == b"i-0123456789abcdef0"


@pytest.mark.parametrize("seconds", [None, "0", "21601", "-1", "soon"])
def test_refuses_a_token_without_a_valid_lifetime_as_the_real_service_does(
    imds: emulator.Server, seconds: Optional[str]
) -> None:
    headers = {} if seconds is None else {"X-aws-ec2-metadata-token-ttl-seconds": seconds}
    request = urllib.request.Request(f"{imds.url}/latest/api/token", method="PUT", headers=headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    assert caught.value.code == 400


def test_one_context_starts_both_services() -> None:
    with SimulatedEc2({"meta-data": {"local-ipv4": "10.1.1.1"}}) as ec2:
        ec2.aws.put_parameters({"/a": "b"})
        agent = Imds.from_environment(ec2.environ, deadline_seconds=5)
        assert facts.read(agent, region=None).local_ipv4 == "10.1.1.1"
        found = Aws.of_instance(agent, "us-east-1", ec2.environ, wait_seconds=5).ssm.fetch(["/a"])
        assert found["/a"].reveal() == "b"
