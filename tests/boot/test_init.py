"""Issue 19: from the answers to `init` to a healthy cluster of two hosts, with nothing but the files that it wrote."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boot import instance, network, observe, ssm
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.boot.test_publish import PUBLISH, SHORT_PAUSES, SHORT_TIMES, TIMER
from tests.stand_in import install_tctl

ANSWERS = "setup: ha\ndomain: teleport.acmeinc.com\nregion: us-east-1\ntool: manual\naccount: '123456789012'\n"
UNITS = {"auth": "teleport-auth.service", "proxy": "teleport-proxy-acm.service"}


@pytest.fixture
def switch() -> Iterator[network.Network]:
    with network.new() as made:
        yield made


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What `init` writes on a laptop."""
    return written(tmp_path)


def written(tmp_path: Path) -> Path:
    """Run `init` with the answers; return the directory that it has written."""
    (tmp_path / "answers.yaml").write_text(ANSWERS)
    command = [sys.executable, "-m", "teleport_bootstrap", "init", str(tmp_path / "cluster")]
    subprocess.run(
        [*command, "--answers", str(tmp_path / "answers.yaml")],
        check=True,
        cwd=instance.CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    return tmp_path / "cluster"


def launched(new_machine: NewMachine, switch: network.Network, number: int, user_data: str) -> Machine:
    """A machine of an image with Teleport, which is not booted yet and gets this user-data through cloud-init."""
    machine = new_machine("bookworm", *switch.options(number))
    instance.install_agent(machine)
    instance.install_stand_in(machine)
    instance.be_instance(machine, user_data=user_data)
    address = switch.address(number)
    facts = {"local-ipv4": address, "local-hostname": f"ip-{address.replace('.', '-')}.ec2.internal"}
    machine.write("/opt/imds.json", json.dumps({"user-data": user_data, "meta-data": facts}))
    for unit in (instance.GENERATE, ssm.FETCH, PUBLISH):
        machine.write(
            f"/etc/systemd/system/{unit}.d/aws.conf", f"[Service]\nEnvironment=AWS_ENDPOINT_URL={switch.aws_url}\n"
        )
    return machine


def test_issue_19_point_6_from_the_answers_of_init_to_a_healthy_cluster_of_two(
    new_machine: NewMachine, switch: network.Network, files: Path
) -> None:
    hosts = {
        role: launched(new_machine, switch, number, (files / role / "user-data.sh").read_text())
        for number, role in enumerate(UNITS, 1)
    }
    auth, proxy = hosts["auth"], hosts["proxy"]
    install_tctl(
        auth.path("/usr/local/bin"),
        python="/usr/bin/python3",
        answer="127.0.0.1:3025",
        proxy="teleport.acmeinc.com:443",
    )
    auth.write(f"/etc/systemd/system/{TIMER}.d/times.conf", SHORT_TIMES)
    proxy.write(f"/etc/systemd/system/{ssm.FETCH}.d/pauses.conf", SHORT_PAUSES)
    steps = (files / "NEXT-STEPS.md").read_text()
    # The list of what a person makes has the table that auth servers lock.
    locks = re.search(r"`(\S+-locks)`", steps)
    assert locks is not None
    switch.make_locks_table(locks[1])

    for machine in hosts.values():
        machine.start()
    for role, machine in hosts.items():
        machine.settle()
        observe.wait_until_ready(machine, UNITS[role], 60)
        observe.assert_clean_boot(machine)
        conf = (files / role / "teleport.conf").read_text()
        assert machine.read("/etc/teleport.d/conf") == conf, "user-data wrote it as it is in the file"
        status = json.loads(machine.run("teleport-bootstrap", "status", "--format", "json"))
        assert (status["state"], status["role"]) == ("healthy", role), status
    # The proxy has joined with the token that the auth server has published.
    token = switch.ask(
        "ssm", "get_parameters", Names=["/teleport/teleport.acmeinc.com/tokens/proxy"], WithDecryption=True
    )["Parameters"]
    assert proxy.read("/var/lib/teleport/token").strip() and token
    assert observe.fetch(proxy, "https://127.0.0.1:3080/webapi/ping")[0] == 200

    # The last steps for a new cluster, as they are written.
    assert "sudo teleport-bootstrap status\n" in steps
    (command,) = re.findall(r"^sudo (teleport-bootstrap first-admin .+)$", steps, re.MULTILINE)
    printed = auth.run(*command.replace("NAME", "alice").split())
    assert "https://teleport.acmeinc.com" in printed
