"""Machines of tests/boot with a real Teleport in place of the stand-in."""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import Optional

from tests import certificates
from tests.boot import instance, network, observe
from tests.boot.conftest import NewMachine
from tests.boot.machine import Machine
from tests.real_teleport import binaries

# A real Teleport takes seconds where the stand-in takes a tenth.
READY_SECONDS = 90

_HERE = "/opt/real-teleport"
_ASSETS = "/opt/real-teleport-assets"
# A cluster without DynamoDB and S3.
LOCAL_STORAGE = """\
teleport:
  storage:
    type: dir
    path: /var/lib/teleport/backend
    region: null
    table_name: null
    audit_events_uri: null
    audit_sessions_uri: null
"""


def machine(
    new_machine: NewMachine,
    conf: str,
    *,
    switch: Optional[network.Network] = None,
    number: int = 0,
    overrides: Optional[dict[str, str]] = None,
    authority: Optional[certificates.Authority] = None,
) -> Machine:
    """A machine that is not booted yet; with `switch` it has socket `number` there, and AWS's APIs.

    Certificates of `authority` are trusted there.
    """
    options = switch.options(number) if switch is not None else ("--private-network",)
    made = new_machine("bookworm", *options, f"--bind-ro={binaries.DIRECTORY}:{_HERE}")
    instance.without_cloud_init(made)
    instance.install_agent(made)
    for name in binaries.PROGRAMS:
        made.path(f"/usr/local/bin/{name}").symlink_to(f"{_HERE}/{name}")
    instance.be_instance(made)
    variables = binaries.assets(made.path(_ASSETS), _ASSETS)
    if variables:
        lines = "".join(f"Environment={name}={value}\n" for name, value in variables.items())
        for unit in instance.UNITS.glob("*.service"):
            if "teleport start" in unit.read_text(encoding="utf-8"):
                made.write(f"/etc/systemd/system/{unit.name}.d/assets.conf", f"[Service]\n{lines}")
    if switch is not None:
        address = switch.address(number)
        facts = {"local-ipv4": address, "local-hostname": f"ip-{address.replace('.', '-')}.ec2.internal"}
        made.write("/opt/imds.json", json.dumps({"meta-data": facts}))
        for unit in instance.UNITS.glob("*.service"):
            if "teleport start" not in unit.read_text(encoding="utf-8"):
                environment = f"[Service]\nEnvironment=AWS_ENDPOINT_URL={switch.aws_url}\n"
                made.write(f"/etc/systemd/system/{unit.name}.d/aws.conf", environment)
    if authority is not None:
        bundle = made.path("/etc/ssl/certs/ca-certificates.crt")
        bundle.write_text(bundle.read_text("utf-8") + authority.root, "utf-8")
    made.write("/etc/teleport.d/conf", conf, mode=0o600)
    for name, text in (overrides or {}).items():
        made.write(f"/etc/teleport.d/teleport.yaml.d/{name}.yaml", text, mode=0o600)
    return made


def wait_until_ready(made: Machine, unit: str) -> None:
    """Wait until Teleport is ready; a failure shows its journal."""
    try:
        observe.wait_until_ready(made, unit, READY_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{made.journal('-u', unit)[-6000:]}") from None


def pid(made: Machine) -> int:
    """The process that the pid file names."""
    return int(made.run("cat", "/run/teleport/teleport.pid"))


def reconfigure(made: Machine, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it with the default wait for Teleport's health."""
    return made.try_run("teleport-bootstrap", "reconfigure", "--yes", *options, seconds=600)


def add(made: Machine, text: str) -> None:
    """Add lines to the conf."""
    made.write("/etc/teleport.d/conf", made.read("/etc/teleport.d/conf") + text, mode=0o600)


def status(made: Machine) -> dict[str, object]:
    """What `status` reports."""
    found: dict[str, object] = json.loads(made.try_run("teleport-bootstrap", "status", "--format", "json").stdout)
    return found


def refusals(made: Machine, unit: str) -> list[str]:
    """What Teleport said when it ended, without colours."""
    said = re.sub(r"\x1b\[[0-9;]*m", "", made.journal("-u", unit))
    return [line for line in said.splitlines() if "ERROR: " in line]


def assert_is_healthy(made: Machine, unit: str) -> None:
    """Teleport runs, was never started again by systemd, and `status` has nothing to report.

    After its first ready answer, Teleport may reload itself within its process, and is not ready meanwhile.
    """
    wait_for_findings(made, [])
    assert made.state(unit) == "active"
    assert made.show(unit, "NRestarts") == {"NRestarts": "0"}, refusals(made, unit)


def wait_for_findings(made: Machine, codes: list[str]) -> list[dict[str, str]]:
    """Wait until `status` reports just these, and return them; most clusters here have no user, which it notes."""
    found: list[dict[str, str]] = []
    deadline = time.monotonic() + READY_SECONDS
    while True:
        reported: list[dict[str, str]] = status(made)["findings"]  # type: ignore[assignment]
        found = [each for each in reported if each["code"] != "no-users"]
        if [each["code"] for each in found] == codes:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(1)


def wait_for_label(auth: Machine, key: str, value: str) -> None:
    """Wait until the cluster has a node with a label, as its auth server `auth` lists them."""

    def is_listed() -> bool:
        done = auth.try_run("tctl", "nodes", "ls", "--format=json")
        if done.returncode != 0:
            return False
        nodes = json.loads(done.stdout)
        return any(each["metadata"].get("labels", {}).get(key) == value for each in nodes)

    auth.wait_for(is_listed, 120, f"a node with {key}={value}")
